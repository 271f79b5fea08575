"""Objects that are planted in: the least that makes each a plausible one, and nothing that says whose it is.

Every image carries the number of its case in its pixels: 16 x 16 RGB samples, uncompressed, that repeat the number
as four bytes, big-endian. What came out is matched by these bytes. Objects without pixels are matched by SOP Class
and Instance Number, which the table does not list; where that went too, by SOP Class, if only one had it.
"""

from __future__ import annotations

import struct
from functools import cache

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from conformance.kit import tables
from conformance.kit.generate import WSI
from conformance.kit.values import UID_ROOT

EDGE = 16
SAMPLES = 3
PIXELS = EDGE * EDGE * SAMPLES
PATIENT = "KITPATIENT7"
MODALITY = {
    WSI: "SM",
    "1.2.840.10008.5.1.4.1.1.77.1.4": "XC",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.7": "OT",
    "1.2.840.10008.5.1.4.1.1.3.1": "US",
    "1.2.840.10008.5.1.4.1.1.12.1.1": "XA",
    "1.2.840.10008.5.1.4.1.1.130": "PT",
    "1.2.840.10008.5.1.4.1.1.77.1.7": "DMS",
    "1.2.840.10008.5.1.4.1.1.88.22": "SR",
    "1.2.840.10008.5.1.4.1.1.481.5": "RTPLAN",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
    "1.2.840.10008.5.1.4.1.1.481.4": "RTRECORD",
    "1.2.840.10008.5.1.4.1.1.11.1": "PR",
    "1.2.840.10008.5.1.4.1.1.11.10": "PR",
    "1.2.840.10008.5.1.4.1.1.9.1.1": "ECG",
}


def uid(*parts: object) -> str:
    """Return a UID for these words, the same each time."""
    return str(generate_uid(prefix=f"{UID_ROOT}.", entropy_srcs=[str(part) for part in parts]))


def pattern(number: int) -> bytes:
    """Return the pixels of a case."""
    return struct.pack(">I", number) * (PIXELS // 4)


@cache
def has_pixels(sop_class: str) -> bool:
    """Whether the IOD is one of images."""
    return {0x00280010, 0x7FE00010} <= set(tables.top_places(sop_class))


def base(sop_class: str, number: int, seed: object = 0) -> Dataset:
    """Return an object of a SOP Class for case `number`; all of one `seed` are of one patient and study."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = sop_class, uid(seed, "instance", number)
    made.StudyInstanceUID, made.SeriesInstanceUID = uid(seed, "study"), uid(seed, "series", sop_class)
    made.PatientID = PATIENT
    made.PatientName = made.PatientBirthDate = made.PatientSex = ""
    made.StudyDate = made.StudyTime = made.AccessionNumber = made.ReferringPhysicianName = made.StudyID = ""
    made.Modality = MODALITY[sop_class]
    made.Manufacturer = "Scanner Works"
    made.SeriesNumber, made.InstanceNumber = 1, number
    if has_pixels(sop_class):
        _pixels(made, number)
    if sop_class == WSI:
        _slide(made)
    if made.Modality == "SR":
        _report(made)
    return made


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _pixels(made: Dataset, number: int) -> None:
    made.ImageType = ["ORIGINAL", "PRIMARY"]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = SAMPLES, "RGB", 0
    made.Rows = made.Columns = EDGE
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    if 0x00280008 in tables.top_places(made.SOPClassUID):
        made.NumberOfFrames = 1
    made.BurnedInAnnotation, made.LossyImageCompression = "NO", "00"
    made.add_new(0x7FE00010, "OW", pattern(number))


def _slide(made: Dataset) -> None:
    made.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made.FrameOfReferenceUID = uid("frame of reference", made.StudyInstanceUID)
    made.PositionReferenceIndicator = "SLIDE_CORNER"
    made.ManufacturerModelName, made.DeviceSerialNumber, made.SoftwareVersions = "Model 7", "KIT1", "1.2"
    made.ContentDate, made.ContentTime, made.AcquisitionDateTime = "20010203", "040506", "20010203040506"
    made.VolumetricProperties, made.SpecimenLabelInImage, made.FocusMethod = "VOLUME", "NO", "AUTO"
    made.ExtendedDepthOfField, made.DimensionOrganizationType = "NO", "TILED_FULL"
    made.TotalPixelMatrixColumns = made.TotalPixelMatrixRows = EDGE
    made.TotalPixelMatrixFocalPlanes = made.NumberOfOpticalPaths = 1
    made.ImagedVolumeWidth = made.ImagedVolumeHeight = 0.008
    made.ImagedVolumeDepth = 1.0
    made.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    origin, organization = Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 20
    organization.DimensionOrganizationUID = uid("dimensions", made.StudyInstanceUID)
    made.TotalPixelMatrixOriginSequence, made.DimensionOrganizationSequence = [origin], [organization]
    made.AcquisitionContextSequence = []
    made.ContainerIdentifier, made.IssuerOfTheContainerIdentifierSequence = "KITSLIDE", []
    made.ContainerTypeCodeSequence = [code("433466003", "SCT", "Microscope slide")]
    made.SpecimenDescriptionSequence = [_specimen(made)]
    made.OpticalPathSequence = [_optical_path()]
    made.SharedFunctionalGroupsSequence = [_groups(made)]


def _specimen(made: Dataset) -> Dataset:
    specimen, localization = Dataset(), Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = "KITSLIDE", uid("specimen", made.StudyInstanceUID)
    specimen.IssuerOfTheSpecimenIdentifierSequence = specimen.SpecimenPreparationSequence = []
    specimen.SpecimenTypeCodeSequence = [code("119376003", "SCT", "Tissue specimen")]
    localization.ValueType = "CODE"
    localization.ConceptNameCodeSequence = [code("111718", "DCM", "Location of Specimen")]
    localization.ConceptCodeSequence = [code("76752008", "SCT", "Breast")]
    specimen.SpecimenLocalizationContentItemSequence = [localization]
    return specimen


def _optical_path() -> Dataset:
    path = Dataset()
    path.OpticalPathIdentifier = "1"
    path.IlluminationTypeCodeSequence = [code("111744", "DCM", "Brightfield illumination")]
    path.IlluminationColorCodeSequence = [code("414298005", "SCT", "Full Spectrum")]
    return path


def _groups(made: Dataset) -> Dataset:
    measures, frame, path, groups = Dataset(), Dataset(), Dataset(), Dataset()
    measures.SliceThickness, measures.PixelSpacing = 0.001, [0.0005, 0.0005]
    frame.FrameType = made.ImageType
    path.OpticalPathIdentifier = "1"
    groups.PixelMeasuresSequence = [measures]
    groups.WholeSlideMicroscopyImageFrameTypeSequence = [frame]
    groups.OpticalPathIdentificationSequence = [path]
    return groups


def _report(made: Dataset) -> None:
    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"
    made.ConceptNameCodeSequence = [code("126000", "DCM", "Imaging Measurement Report")]
    made.ContentDate, made.ContentTime = "20010203", "040506"
    made.PerformedProcedureCodeSequence = []
    content = Dataset()
    content.RelationshipType, content.ValueType = "CONTAINS", "CODE"
    content.ConceptNameCodeSequence = [code("121071", "DCM", "Finding")]
    content.ConceptCodeSequence = [code("108369006", "SCT", "Neoplasm")]
    made.ContentSequence = [content]
