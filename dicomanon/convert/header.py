"""The VL Whole Slide Microscopy Image header of one image of a slide (PS3.3 A.32.8).

A fact of the vendor file is here only because a line below gives it a DICOM attribute: the de-identifier
then treats that attribute like any other.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from dicomanon.convert.colour import icc_profile
from dicomanon.convert.dataset import Dataset
from dicomanon.convert.items import code, item
from dicomanon.convert.sparse import dimension_index
from dicomanon.convert.specimen import specimen
from dicomanon.convert.text import clean, decimal
from dicomanon.convert.uids import uid
from dicomanon.sources import smaller

if TYPE_CHECKING:
    from dicomanon.convert.options import ConvertOptions
    from dicomanon.convert.prepare import ReadySlide
    from dicomanon.sources import OpticalPath, Part, SlideImage, SlideMetadata

SOP_CLASS_UID = "1.2.840.10008.5.1.4.1.1.77.1.6"
UNKNOWN = "UNKNOWN"
"""For Type 1 texts that nobody gave: no reader takes it for a value."""
_NO_DATE = dt.datetime(1900, 1, 1)  # noqa: DTZ001 - for Type 1 dates that nobody gave
_DEPTH = 0.001
"""Nominal depth of focus in mm: SVS do not say, and the attributes are Type 1."""
_RESAMPLED = ("113085", "DCM", "Spatial resampling")
_COMPRESSED = ("113040", "DCM", "Lossy Compression")
"""Of CID 7203, Image Derivation: codes stay where descriptions go."""
_STRONGEST = 200
"""What says that it is a stronger objective is another number."""
_ORIENTATION = [0, -1, 0, -1, 0, 0]
"""The label is left of the tissue in the image, and up on the slide (PS3.3 C.8.12.2.1)."""


def header(slide: ReadySlide, image: SlideImage, index: int, options: ConvertOptions) -> Dataset:
    """Return every element before the offset tables and Pixel Data; `index` is that in `slide.images`."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = SOP_CLASS_UID
    dataset.SOPInstanceUID = uid(slide.fingerprint, _role(image))
    dataset.InstanceNumber = index + 1
    _patient_and_study(dataset, slide)
    _series(dataset, slide, image)
    _equipment(dataset, slide.metadata)
    _times(dataset, slide.metadata)
    _specimen(dataset, slide)
    _pixels(dataset, image)
    if image.part is not None:
        _concatenation(dataset, slide, image, image.part)
    _geometry(dataset, slide, image, options)
    _optical_path(dataset, slide, image)
    if image.flavor == "LABEL":
        dataset.LabelText = clean(slide.metadata.label_text, 1024)
        dataset.BarcodeValue = clean(slide.metadata.barcode, 1024)
    return dataset


def _patient_and_study(dataset: Dataset, slide: ReadySlide) -> None:
    lab = slide.laboratory
    dataset.PatientName = clean(lab.patient_name, 64)
    dataset.PatientID = clean(lab.patient_id, 64)
    dataset.PatientBirthDate = lab.patient_birth_date
    dataset.PatientSex = lab.patient_sex
    dataset.StudyInstanceUID = lab.study_instance_uid or uid(slide.fingerprint, "study")
    dataset.StudyDate, dataset.StudyTime = lab.study_date, ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = clean(lab.study_id, 16)
    dataset.AccessionNumber = clean(lab.accession_number, 16)


def _series(dataset: Dataset, slide: ReadySlide, image: SlideImage) -> None:
    """Give each scene a series and a frame of reference of its own: where one lies to another is not known."""
    dataset.Modality = "SM"
    dataset.SeriesInstanceUID = uid(slide.fingerprint, _of_scene("series", image))
    dataset.SeriesNumber = image.scene + 1
    dataset.FrameOfReferenceUID = uid(slide.fingerprint, _of_scene("frame of reference", image))
    dataset.PositionReferenceIndicator = "SLIDE_CORNER"


def _role(image: SlideImage) -> str:
    """Return what an instance is to its slide: other frames are another instance."""
    part = f" part {image.part.number} of {image.part.total}" if image.part is not None else ""
    return f"{_whole_role(image)}{part}"


def _whole_role(image: SlideImage) -> str:
    size = f"{image.columns}x{image.rows}"
    return " ".join(filter(None, (_of_scene(f"instance {image.flavor}", image), size, image.derivation)))


def _of_scene(role: str, image: SlideImage) -> str:
    return f"{role} {image.scene}" if image.scene else role


def _concatenation(dataset: Dataset, slide: ReadySlide, image: SlideImage, part: Part) -> None:
    """Say which part of an image this is (PS3.3 C.7.6.16.2.2.4)."""
    whole = _whole_role(image)
    dataset.ConcatenationUID = uid(slide.fingerprint, f"concatenation {part.total} {whole}")
    dataset.SOPInstanceUIDOfConcatenationSource = uid(slide.fingerprint, whole)
    dataset.InConcatenationNumber = part.number
    dataset.InConcatenationTotalNumber = part.total
    dataset.ConcatenationFrameOffsetNumber = part.offset


def _equipment(dataset: Dataset, metadata: SlideMetadata) -> None:
    dataset.Manufacturer = clean(metadata.manufacturer, 64) or UNKNOWN
    dataset.ManufacturerModelName = clean(metadata.model, 64) or UNKNOWN
    dataset.DeviceSerialNumber = clean(metadata.serial, 64) or UNKNOWN
    dataset.SoftwareVersions = [clean(text, 64) for text in metadata.software] or UNKNOWN


def _times(dataset: Dataset, metadata: SlideMetadata) -> None:
    moment = metadata.acquired or _NO_DATE
    dataset.AcquisitionDateTime = moment.strftime("%Y%m%d%H%M%S%z")
    dataset.ContentDate = moment.strftime("%Y%m%d")
    dataset.ContentTime = moment.strftime("%H%M%S")
    if moment.tzinfo is not None:
        dataset.TimezoneOffsetFromUTC = moment.strftime("%z")


def _specimen(dataset: Dataset, slide: ReadySlide) -> None:
    lab = slide.laboratory
    found = clean(slide.metadata.barcode, 64) or clean(slide.metadata.name, 64) or UNKNOWN
    container = clean(lab.container_identifier, 64) or found
    dataset.ContainerIdentifier = container
    dataset.IssuerOfTheContainerIdentifierSequence = []
    dataset.ContainerTypeCodeSequence = [code("433466003", "SCT", "Microscope slide")]
    dataset.AcquisitionContextSequence = []
    identifier = clean(lab.specimen_identifier, 64) or container
    dataset.SpecimenDescriptionSequence = [specimen(lab, identifier, uid(slide.fingerprint, "specimen"))]


def _pixels(dataset: Dataset, image: SlideImage) -> None:
    derived = image.resampled or len(image.losses) > 1
    kind = ["DERIVED" if derived else "ORIGINAL", "PRIMARY", image.flavor]
    dataset.ImageType = [*kind, "RESAMPLED" if image.resampled else "NONE"]
    dataset.SamplesPerPixel = image.samples
    dataset.PhotometricInterpretation = image.photometric
    if image.samples > 1:
        dataset.PlanarConfiguration = 0
    else:
        dataset.PresentationLUTShape = "IDENTITY"
        dataset.RescaleIntercept, dataset.RescaleSlope = "0", "1"
    dataset.NumberOfFrames = len(image.frame_lengths)
    dataset.Rows, dataset.Columns = image.tile_rows, image.tile_columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = image.bits, image.bits, image.bits - 1
    dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "01" if image.losses else "00"
    if image.losses:
        pixels = (
            image.rows * image.columns * image.samples * image.bits // 8 * image.planes * len(image.paths)
        )
        ratios = [decimal(pixels / max(loss.size, 1)) for loss in image.losses]
        dataset.LossyImageCompressionRatio = ratios if len(ratios) > 1 else ratios[0]
        methods = [loss.method for loss in image.losses]
        dataset.LossyImageCompressionMethod = methods if len(methods) > 1 else methods[0]
    done = [_RESAMPLED] * image.resampled + [_COMPRESSED] * (derived and len(image.losses) > 1)
    if done:
        dataset.DerivationCodeSequence = [code(*each) for each in done]
    shows_label = image.flavor in ("LABEL", "OVERVIEW")
    dataset.BurnedInAnnotation = dataset.SpecimenLabelInImage = "YES" if shows_label else "NO"
    dataset.VolumetricProperties = "VOLUME"
    dataset.FocusMethod = "AUTO"
    dataset.ExtendedDepthOfField = "NO"


def _geometry(dataset: Dataset, slide: ReadySlide, image: SlideImage, options: ConvertOptions) -> None:
    spacing = spacing_of(slide, image, options)
    dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows = image.columns, image.rows
    dataset.TotalPixelMatrixOriginSequence = [
        item(XOffsetInSlideCoordinateSystem="0", YOffsetInSlideCoordinateSystem="0")
    ]
    dataset.ImageOrientationSlide = _ORIENTATION
    groups: dict[str, Any] = {
        "WholeSlideMicroscopyImageFrameTypeSequence": [item(FrameType=list(dataset.ImageType))],
    }
    if (
        len(image.paths) == 1 and image.part is None
    ):  # of several, TILED_FULL says which by the order of frames
        groups["OpticalPathIdentificationSequence"] = [item(OpticalPathIdentifier="1")]
    measures = item()
    if spacing is not None:
        dataset.ImagedVolumeWidth = image.columns * spacing[1]
        dataset.ImagedVolumeHeight = image.rows * spacing[0]
        between = plane_spacing_of(image)
        depth = _DEPTH + between * (image.planes - 1)
        dataset.ImagedVolumeDepth = depth * 1000  # the one length of this module in micrometres
        measures = item(PixelSpacing=[decimal(mm) for mm in spacing], SliceThickness=decimal(_DEPTH))
        if image.planes > 1:
            measures.SpacingBetweenSlices = decimal(between)
    groups["PixelMeasuresSequence"] = [measures]
    dataset.SharedFunctionalGroupsSequence = [item(**groups)]
    dataset.DimensionOrganizationType = "TILED_FULL" if image.part is None else "TILED_SPARSE"
    organization = uid(slide.fingerprint, _of_scene("dimension organization", image))
    dataset.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization)]
    if image.part is not None:
        dataset.DimensionIndexSequence = dimension_index(organization)
    dataset.TotalPixelMatrixFocalPlanes = image.planes
    if image.flavor == "VOLUME":
        dataset.PyramidUID = uid(slide.fingerprint, _of_scene("pyramid", image))


def plane_spacing_of(image: SlideImage) -> float:
    """Return mm between focal planes."""
    return image.plane_spacing or _DEPTH


def spacing_of(slide: ReadySlide, image: SlideImage, options: ConvertOptions) -> tuple[float, float] | None:
    """Return mm between rows and columns of an image; `options.spacing` is that of the base level, if it says none."""
    if image.spacing is not None or options.spacing is None or image.flavor in ("LABEL", "OVERVIEW"):
        return image.spacing
    base = slide.base(image.scene)
    given = (options.spacing, options.spacing)
    return smaller(given, (base.columns, base.rows), (image.columns, image.rows))


def _optical_path(dataset: Dataset, slide: ReadySlide, image: SlideImage) -> None:
    dataset.NumberOfOpticalPaths = len(image.paths)
    dataset.OpticalPathSequence = [
        _path(slide, image, path, str(number)) for number, path in enumerate(image.paths, 1)
    ]


def _path(slide: ReadySlide, image: SlideImage, path: OpticalPath, identifier: str) -> Dataset:
    made = item(OpticalPathIdentifier=identifier)
    if path.fluorescence:
        made.IlluminationTypeCodeSequence = [code("111743", "DCM", "Epifluorescence illumination")]
        if path.excitation is not None:
            made.IlluminationWaveLength = path.excitation
        else:
            made.IlluminationColorCodeSequence = [code("414298005", "SCT", "Full Spectrum")]
        if path.emission is not None and 1 <= path.emission < 1 << 16:
            made.ImagePathFilterPassThroughWavelength = round(path.emission)
    else:
        made.IlluminationTypeCodeSequence = [code("111744", "DCM", "Brightfield illumination")]
        made.IlluminationColorCodeSequence = [code("371251000", "SCT", "White color")]
    if image.samples > 1:
        made.ICCProfile = icc_profile(slide.metadata.icc_profile)
        if slide.metadata.icc_profile is None:
            made.ColorSpace = "SRGB"
    power = slide.metadata.objective_power
    if power is not None and power <= _STRONGEST and image.flavor not in ("LABEL", "OVERVIEW"):
        made.ObjectiveLensPower = decimal(power)
    return made
