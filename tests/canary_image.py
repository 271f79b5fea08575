"""A small valid slide as VL WSI instances: JPEG tiles and the modules of the IOD, nothing identifying yet."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset
from pydicom.uid import VLWholeSlideMicroscopyImageStorage

TILE = 128
PIXEL_SPACING = 0.0005
"""Distance of pixels on the finest level, in mm."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What one instance shows: flavour (third value of Image Type), total size and tile size in pixels."""

    flavour: str
    columns: int
    rows: int
    tile_columns: int
    tile_rows: int
    scale: int = 1

    @property
    def frames(self) -> int:
        """Number of tiles, those cut by the right and bottom edge included."""
        return -(-self.columns // self.tile_columns) * -(-self.rows // self.tile_rows)

    @property
    def shows_label(self) -> bool:
        """Whether the picture shows the slide's label."""
        return self.flavour in {"LABEL", "OVERVIEW"}


PICTURES = (
    Picture("VOLUME", 512, 384, TILE, TILE),
    Picture("VOLUME", 256, 192, TILE, TILE, scale=2),
    Picture("THUMBNAIL", 128, 96, 128, 96, scale=4),
    Picture("LABEL", 160, 160, 160, 160, scale=32),
    Picture("OVERVIEW", 320, 128, 320, 128, scale=32),
)


def jpeg_frames(picture: Picture, label_text: str, seed: int) -> list[bytes]:
    """Encode each tile as a JPEG baseline image; a label carries `label_text` in its pixels."""
    generator = np.random.default_rng(seed)
    frames = []
    for _ in range(picture.frames):
        coarse = generator.integers(
            120, 256, (picture.tile_rows // 8, picture.tile_columns // 8, 3), np.uint8
        )
        image = Image.fromarray(coarse).resize(
            (picture.tile_columns, picture.tile_rows), Image.Resampling.BICUBIC
        )
        if picture.shows_label:
            ImageDraw.Draw(image).multiline_text((8, 8), label_text, fill=(0, 0, 0))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=85, subsampling="4:2:2")
        frames.append(buffer.getvalue())
    return frames


def with_segments(frame: bytes, *segments: tuple[int, bytes]) -> bytes:
    """Put marker segments (marker's second byte, payload) behind the first marker of a JPEG frame."""
    added = b"".join(
        bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload
        for marker, payload in segments
    )
    return frame[:2] + added + frame[2:]


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Item of a code sequence."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def image_type(picture: Picture) -> list[str]:
    """Value of Image Type and Frame Type."""
    derived = (picture.flavour == "VOLUME" and picture.scale > 1) or picture.flavour == "THUMBNAIL"
    return [
        "DERIVED" if derived else "ORIGINAL",
        "PRIMARY",
        picture.flavour,
        "RESAMPLED" if derived else "NONE",
    ]


def whole_slide_dataset(picture: Picture, number: int) -> Dataset:
    """Build every mandatory attribute that says nothing about a person, a place or a time."""
    spacing = PIXEL_SPACING * picture.scale
    dataset = Dataset()
    dataset.SOPClassUID = VLWholeSlideMicroscopyImageStorage
    dataset.Modality = "SM"
    dataset.ImageType = image_type(picture)
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = number
    dataset.PositionReferenceIndicator = "SLIDE_CORNER"
    dataset.Manufacturer = "Scanner Works"
    dataset.ManufacturerModelName = "Model 7"
    dataset.SoftwareVersions = ["1.2"]
    dataset.VolumetricProperties = "VOLUME"
    dataset.BurnedInAnnotation = "YES" if picture.shows_label else "NO"
    dataset.SpecimenLabelInImage = "YES" if picture.shows_label else "NO"
    dataset.FocusMethod = "AUTO"
    dataset.ExtendedDepthOfField = "NO"
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = 12
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    _pixel_attributes(dataset, picture)
    dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows = picture.columns, picture.rows
    dataset.TotalPixelMatrixFocalPlanes = 1
    dataset.ImagedVolumeWidth, dataset.ImagedVolumeHeight = picture.columns * spacing, picture.rows * spacing
    dataset.ImagedVolumeDepth = 1.0
    dataset.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 20, 40
    dataset.TotalPixelMatrixOriginSequence = [origin]
    dataset.DimensionOrganizationType = "TILED_FULL"
    dataset.NumberOfOpticalPaths = 1
    dataset.AcquisitionContextSequence = []
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(picture, spacing)]
    dataset.OpticalPathSequence = [_optical_path()]
    return dataset


def _pixel_attributes(dataset: Dataset, picture: Picture) -> None:
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.PlanarConfiguration = 0
    dataset.NumberOfFrames = picture.frames
    dataset.Rows, dataset.Columns = picture.tile_rows, picture.tile_columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0


def _shared_groups(picture: Picture, spacing: float) -> Dataset:
    measures = Dataset()
    measures.SliceThickness = 0.001
    measures.PixelSpacing = [spacing, spacing]
    frame_type = Dataset()
    frame_type.FrameType = image_type(picture)
    path = Dataset()
    path.OpticalPathIdentifier = "1"
    groups = Dataset()
    groups.PixelMeasuresSequence = [measures]
    groups.WholeSlideMicroscopyImageFrameTypeSequence = [frame_type]
    groups.OpticalPathIdentificationSequence = [path]
    return groups


def _optical_path() -> Dataset:
    path = Dataset()
    path.OpticalPathIdentifier = "1"
    path.IlluminationTypeCodeSequence = [code("111744", "DCM", "Brightfield illumination")]
    path.IlluminationColorCodeSequence = [code("414298005", "SCT", "Full Spectrum")]
    return path
