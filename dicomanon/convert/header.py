"""The VL Whole Slide Microscopy Image header of one image of a slide (PS3.3 A.32.8).

A fact of the vendor file is here only because a line below gives it a DICOM attribute: the de-identifier
then treats that attribute like any other.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from dicomanon.convert.colour import icc_profile
from dicomanon.convert.text import clean, decimal
from dicomanon.convert.uids import uid

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from dicomanon.convert.options import ConvertOptions
    from dicomanon.convert.prepare import ReadySlide
    from dicomanon.sources import OpticalPath, Part, SlideImage, SlideMetadata

SOP_CLASS_UID = "1.2.840.10008.5.1.4.1.1.77.1.6"
UNKNOWN = "UNKNOWN"
"""For Type 1 texts that nobody gave: no reader takes it for a value."""
_NO_DATE = dt.datetime(1900, 1, 1)  # noqa: DTZ001 - for Type 1 dates that nobody gave
_DEPTH = 0.001
"""Nominal depth of focus in mm: SVS do not say, and the attributes are Type 1."""
_ORIENTATION = [0, -1, 0, -1, 0, 0]
"""The label is left of the tissue in the image, and up on the slide (PS3.3 C.8.12.2.1)."""


def header(slide: ReadySlide, image: SlideImage, index: int, options: ConvertOptions) -> Dataset:
    """Return every element before the offset tables and Pixel Data; `index` is that in `slide.images`."""
    from pydicom.dataset import Dataset  # heavy

    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = SOP_CLASS_UID
    dataset.SOPInstanceUID = uid(slide.fingerprint, _role(image))
    dataset.InstanceNumber = index + 1
    _patient_and_study(dataset, slide, options)
    _series(dataset, slide, image)
    _equipment(dataset, slide.metadata)
    _times(dataset, slide.metadata)
    _specimen(dataset, slide, options)
    _pixels(dataset, image)
    if image.part is not None:
        _concatenation(dataset, slide, image, image.part)
    _geometry(dataset, slide, image, options)
    _optical_path(dataset, slide, image)
    if image.flavor == "LABEL":
        dataset.LabelText = clean(slide.metadata.label_text, 1024)
        dataset.BarcodeValue = clean(slide.metadata.barcode, 1024)
    return dataset


def _patient_and_study(dataset: Dataset, slide: ReadySlide, options: ConvertOptions) -> None:
    dataset.PatientName = clean(options.patient_name, 64)
    dataset.PatientID = clean(options.patient_id, 64)
    dataset.PatientBirthDate = options.patient_birth_date
    dataset.PatientSex = options.patient_sex
    dataset.StudyInstanceUID = options.study_instance_uid or uid(slide.fingerprint, "study")
    dataset.StudyDate = dataset.StudyTime = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = clean(options.study_id, 16)
    dataset.AccessionNumber = clean(options.accession_number, 16)


def _series(dataset: Dataset, slide: ReadySlide, image: SlideImage) -> None:
    """Give each scene a series of its own; all are on one glass, and share its frame of reference."""
    dataset.Modality = "SM"
    dataset.SeriesInstanceUID = uid(slide.fingerprint, _of_scene("series", image))
    dataset.SeriesNumber = image.scene + 1
    dataset.FrameOfReferenceUID = uid(slide.fingerprint, "frame of reference")
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


def _specimen(dataset: Dataset, slide: ReadySlide, options: ConvertOptions) -> None:
    found = clean(slide.metadata.barcode, 64) or clean(slide.metadata.name, 64) or UNKNOWN
    container = clean(options.container_identifier, 64) or found
    dataset.ContainerIdentifier = container
    dataset.IssuerOfTheContainerIdentifierSequence = []
    dataset.ContainerTypeCodeSequence = [_code("433466003", "SCT", "Microscope slide")]
    dataset.AcquisitionContextSequence = []
    specimen = _item(
        SpecimenIdentifier=clean(options.specimen_identifier, 64) or container,
        SpecimenUID=uid(slide.fingerprint, "specimen"),
        IssuerOfTheSpecimenIdentifierSequence=[],
        SpecimenPreparationSequence=[],
    )
    dataset.SpecimenDescriptionSequence = [specimen]


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
    if image.derivation:
        dataset.DerivationDescription = image.derivation
    shows_label = image.flavor in ("LABEL", "OVERVIEW")
    dataset.BurnedInAnnotation = dataset.SpecimenLabelInImage = "YES" if shows_label else "NO"
    dataset.VolumetricProperties = "VOLUME"
    dataset.FocusMethod = "AUTO"
    dataset.ExtendedDepthOfField = "NO"


def _geometry(dataset: Dataset, slide: ReadySlide, image: SlideImage, options: ConvertOptions) -> None:
    spacing = spacing_of(slide, image, options)
    dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows = image.columns, image.rows
    dataset.TotalPixelMatrixOriginSequence = [
        _item(XOffsetInSlideCoordinateSystem="0", YOffsetInSlideCoordinateSystem="0")
    ]
    dataset.ImageOrientationSlide = _ORIENTATION
    groups: dict[str, Any] = {
        "WholeSlideMicroscopyImageFrameTypeSequence": [_item(FrameType=list(dataset.ImageType))],
    }
    if len(image.paths) == 1:  # of several, TILED_FULL says which by the order of frames
        groups["OpticalPathIdentificationSequence"] = [_item(OpticalPathIdentifier="1")]
    measures = _item()
    if spacing is not None:
        dataset.ImagedVolumeWidth = image.columns * spacing[1]
        dataset.ImagedVolumeHeight = image.rows * spacing[0]
        between = image.plane_spacing or _DEPTH
        depth = _DEPTH + between * (image.planes - 1)
        dataset.ImagedVolumeDepth = depth * 1000  # the one length of this module in micrometres
        measures = _item(PixelSpacing=[decimal(mm) for mm in spacing], SliceThickness=decimal(_DEPTH))
        if image.planes > 1:
            measures.SpacingBetweenSlices = decimal(between)
    groups["PixelMeasuresSequence"] = [measures]
    dataset.SharedFunctionalGroupsSequence = [_item(**groups)]
    dataset.DimensionOrganizationType = "TILED_FULL"
    organization = uid(slide.fingerprint, _of_scene("dimension organization", image))
    dataset.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=organization)]
    dataset.TotalPixelMatrixFocalPlanes = image.planes
    if image.flavor == "VOLUME":
        dataset.PyramidUID = uid(slide.fingerprint, _of_scene("pyramid", image))


def spacing_of(slide: ReadySlide, image: SlideImage, options: ConvertOptions) -> tuple[float, float] | None:
    """Return mm between rows and columns of an image; `options.spacing`, that of the base level, is first."""
    if options.spacing is None or image.flavor in ("LABEL", "OVERVIEW"):
        return image.spacing
    base = slide.base(image.scene)
    return options.spacing * base.rows / image.rows, options.spacing * base.columns / image.columns


def _optical_path(dataset: Dataset, slide: ReadySlide, image: SlideImage) -> None:
    dataset.NumberOfOpticalPaths = len(image.paths)
    dataset.OpticalPathSequence = [
        _path(slide, image, path, str(number)) for number, path in enumerate(image.paths, 1)
    ]


def _path(slide: ReadySlide, image: SlideImage, path: OpticalPath, identifier: str) -> Dataset:
    item = _item(OpticalPathIdentifier=identifier)
    if path.fluorescence:
        item.IlluminationTypeCodeSequence = [_code("111743", "DCM", "Epifluorescence illumination")]
        if path.excitation is not None:
            item.IlluminationWaveLength = path.excitation
        else:
            item.IlluminationColorCodeSequence = [_code("414298005", "SCT", "Full Spectrum")]
    else:
        item.IlluminationTypeCodeSequence = [_code("111744", "DCM", "Brightfield illumination")]
        item.IlluminationColorCodeSequence = [_code("371251000", "SCT", "White color")]
    if image.samples > 1:
        item.ICCProfile = icc_profile(slide.metadata.icc_profile)
        if slide.metadata.icc_profile is None:
            item.ColorSpace = "SRGB"
    if slide.metadata.objective_power is not None and image.flavor not in ("LABEL", "OVERVIEW"):
        item.ObjectiveLensPower = decimal(slide.metadata.objective_power)
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _item(**elements: Any) -> Dataset:
    from pydicom.dataset import Dataset  # heavy

    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item
