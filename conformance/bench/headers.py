"""Header of a whole-slide image as a scanner writes it, with identifiers to be removed."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import VLWholeSlideMicroscopyImageStorage

ROOT = "1.2.826.0.1.3680043.10.1947.77"
PATIENT = "BENCHPATIENT^ANN"


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Item of a code sequence."""
    dataset = Dataset()
    dataset.CodeValue, dataset.CodingSchemeDesignator, dataset.CodeMeaning = value, scheme, meaning
    return dataset


def patient_and_study(dataset: Dataset) -> None:
    """Set what a patient, a study and a scanner are known by."""
    dataset.PatientName, dataset.PatientID = PATIENT, "4711-0815"
    dataset.PatientBirthDate, dataset.PatientSex = "19480203", "F"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{ROOT}.1", f"{ROOT}.2"
    dataset.FrameOfReferenceUID = f"{ROOT}.3"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20210317"
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "091733.417"
    dataset.AccessionNumber, dataset.StudyID = "A2021-1234", "S1"
    dataset.ReferringPhysicianName, dataset.OperatorsName = "Refer^Bob", "Oper^Eve"
    dataset.InstitutionName, dataset.InstitutionAddress = "General Hospital", "1 Main Street"
    dataset.StationName, dataset.StudyDescription = "SCANNER7", "Resection"
    dataset.Manufacturer, dataset.ManufacturerModelName = "Scanner Works", "Model 7"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "SN-1234567", "1.2"


def _specimen(dataset: Dataset) -> None:
    def content(value_type: str, concept: Dataset) -> Dataset:
        step = Dataset()
        step.ValueType, step.ConceptNameCodeSequence = value_type, [concept]
        return step

    identifier = content("TEXT", code("121041", "DCM", "Specimen Identifier"))
    identifier.TextValue = "S21-1234-A1"
    stain = content("CODE", code("424361007", "SCT", "Using substance"))
    stain.ConceptCodeSequence = [code("12710003", "SCT", "hematoxylin stain")]
    step = Dataset()
    step.SpecimenPreparationStepContentItemSequence = [identifier, stain]
    specimen = Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = "S21-1234-A1", f"{ROOT}.4"
    specimen.IssuerOfTheSpecimenIdentifierSequence = []
    specimen.SpecimenPreparationSequence = [step]
    dataset.ContainerIdentifier = "S21-1234-A1"
    dataset.IssuerOfTheContainerIdentifierSequence = []
    dataset.ContainerTypeCodeSequence = [code("433466003", "SCT", "Microscope slide")]
    dataset.SpecimenDescriptionSequence = [specimen]


def whole_slide(frames: int, side: int, organization: str = "TILED_FULL") -> Dataset:
    """VL WSI header, VOLUME, square tiles of `side` pixels, without per-frame groups and Pixel Data."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = VLWholeSlideMicroscopyImageStorage, f"{ROOT}.5"
    patient_and_study(dataset)
    _specimen(dataset)
    columns = 250
    kind = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.Modality, dataset.ImageType, dataset.SeriesNumber, dataset.InstanceNumber = "SM", kind, 1, 1
    dataset.AcquisitionDateTime = "20210317091733.417"
    dataset.PositionReferenceIndicator, dataset.VolumetricProperties = "SLIDE_CORNER", "VOLUME"
    dataset.BurnedInAnnotation, dataset.SpecimenLabelInImage = "NO", "NO"
    dataset.FocusMethod, dataset.ExtendedDepthOfField = "AUTO", "NO"
    dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", 12
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "YBR_FULL_422"
    dataset.PlanarConfiguration, dataset.NumberOfFrames = 0, frames
    dataset.Rows = dataset.Columns = side
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows = (
        columns * side,
        -(-frames // columns) * side,
    )
    dataset.TotalPixelMatrixFocalPlanes, dataset.NumberOfOpticalPaths = 1, 1
    dataset.ImagedVolumeWidth, dataset.ImagedVolumeHeight, dataset.ImagedVolumeDepth = 30.0, 25.0, 1.0
    dataset.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 20, 40
    dataset.TotalPixelMatrixOriginSequence = [origin]
    dimensions = Dataset()
    dimensions.DimensionOrganizationUID = f"{ROOT}.6"
    dataset.DimensionOrganizationSequence = [dimensions]
    dataset.DimensionOrganizationType, dataset.AcquisitionContextSequence = organization, []
    measures, frame_type, optical = Dataset(), Dataset(), Dataset()
    measures.SliceThickness, measures.PixelSpacing = 0.001, [0.0005, 0.0005]
    frame_type.FrameType = kind
    optical.OpticalPathIdentifier = "1"
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.WholeSlideMicroscopyImageFrameTypeSequence = [measures], [frame_type]
    shared.OpticalPathIdentificationSequence = [optical]
    dataset.SharedFunctionalGroupsSequence = [shared]
    path = Dataset()
    path.OpticalPathIdentifier = "1"
    path.IlluminationTypeCodeSequence = [code("111744", "DCM", "Brightfield illumination")]
    path.IlluminationColorCodeSequence = [code("414298005", "SCT", "Full Spectrum")]
    dataset.OpticalPathSequence = [path]
    return dataset
