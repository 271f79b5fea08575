"""Header of a CT slice as a scanner writes it: some 200 elements, private blocks and sequences among them."""

from __future__ import annotations

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from conformance.bench.headers import ROOT, code, patient_and_study

VALUES = r"""
InstitutionalDepartmentName Radiology
SeriesDescription Thorax 1.0 B31f
PhysiciansOfRecord Rec^Ord
PerformingPhysicianName Per^Form
PatientAge 073Y
NameOfPhysiciansReadingStudy Read^Er
PatientSize 1.65
PatientWeight 61
OtherPatientIDs 99-1
PatientAddress 2 Side Street
AdditionalPatientHistory none
EthnicGroup n/a
Occupation baker
PatientComments none
PregnancyStatus 1
MedicalAlerts none
Allergies none
CountryOfResidence FR
SmokingStatus NO
BodyPartExamined CHEST
ScanOptions FAST
SliceThickness 1
KVP 120
DataCollectionDiameter 500
ProtocolName ThoraxRoutine
ReconstructionDiameter 380
DistanceSourceToDetector 1040
DistanceSourceToPatient 570
GantryDetectorTilt 0
TableHeight 140
RotationDirection CW
ExposureTime 500
XRayTubeCurrent 180
Exposure 90
FilterType WEDGE_3
GeneratorPower 21
FocalSpots 1.2
DateOfLastCalibration 20210316
TimeOfLastCalibration 060000
PatientPosition HFS
ConvolutionKernel B31f
SingleCollimationWidth 0.6
TotalCollimationWidth 38.4
TableSpeed 92
TableFeedPerRotation 46
SpiralPitchFactor 1.2
CTDIvol 6.1
ContrastBolusAgent APPLIED
ContrastBolusRoute IV
ContrastBolusVolume 80
ContrastBolusStartTime 091700
ContrastFlowRate 3
ContrastBolusTotalDose 30
ImageComments none
RequestingPhysician Req^Uest
RequestingService WARD 3
RequestedProcedureDescription CT thorax
RequestedContrastAgent iodine
AdmissionID ADM1
CurrentPatientLocation WARD 3
PatientState stable
PerformedProcedureStepStartDate 20210317
PerformedProcedureStepStartTime 091000
PerformedProcedureStepEndDate 20210317
PerformedProcedureStepEndTime 093000
PerformedProcedureStepID PPS1
PerformedProcedureStepDescription CT thorax
CommentsOnThePerformedProcedureStep none
PerformedStationAETitle CT7
PerformedStationName CT7
PerformedLocation ROOM 2
ScheduledProcedureStepID SPS1
ImagePositionPatient -190\-190\-NUMBER
ImageOrientationPatient 1\0\0\0\1\0
PositionReferenceIndicator SN
SliceLocation -NUMBER
Laterality
ImagesInAcquisition 300
SamplesPerPixel 1
PhotometricInterpretation MONOCHROME2
Rows 512
Columns 512
PixelSpacing 0.74\0.74
BitsAllocated 16
BitsStored 12
HighBit 11
PixelRepresentation 0
SmallestImagePixelValue 0
LargestImagePixelValue 2700
WindowCenter 40\-600
WindowWidth 400\1200
RescaleIntercept -1024
RescaleSlope 1
RescaleType HU
WindowCenterWidthExplanation WINDOW1\WINDOW2
"""
CREATORS = {0x0019: "SIEMENS CT VA0  COAD", 0x0021: "SIEMENS MED", 0x0051: "SIEMENS CSA REPORT"}
PRIVATE_ELEMENTS = 12
KINDS: dict[str, type[float | str]] = {"US": int, "US or SS": int, "FD": float}


def ct_slice(number: int) -> Dataset:
    """Build the header of slice `number`, which has UIDs, times and a position of its own."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, f"{ROOT}.9.{number}"
    patient_and_study(dataset)
    dataset.ImageType, dataset.Modality = ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"], "CT"
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = 3, number, 1
    dataset.InstanceCreationDate = dataset.AcquisitionDate = "20210317"
    dataset.InstanceCreationTime = dataset.AcquisitionTime = f"0918{number % 60:02}.250"
    dataset.AcquisitionDateTime = f"202103170918{number % 60:02}.250"
    for line in VALUES.strip().splitlines():
        keyword, _, text = line.partition(" ")
        values = text.replace("NUMBER", str(number)).split("\\")
        kind = KINDS.get(dictionary_VR(keyword), str)
        setattr(dataset, keyword, [kind(value) for value in values])
    _sequences(dataset, number)
    for group, creator in CREATORS.items():
        block = dataset.private_block(group, creator, create=True)
        for offset in range(PRIVATE_ELEMENTS):
            block.add_new(offset, "LO", f"PRIVATE {group:04X} {offset}")
    return dataset


def _sequences(dataset: Dataset, number: int) -> None:
    def reference(class_uid: str, uid: str) -> Dataset:
        found = Dataset()
        found.ReferencedSOPClassUID, found.ReferencedSOPInstanceUID = class_uid, uid
        return found

    dataset.ReferencedStudySequence = [reference("1.2.840.10008.3.1.2.3.1", f"{ROOT}.1")]
    dataset.ReferencedPerformedProcedureStepSequence = [reference("1.2.840.10008.3.1.2.3.3", f"{ROOT}.11")]
    images = [reference(CTImageStorage, f"{ROOT}.9.{number + offset}") for offset in (1, 2)]
    dataset.ReferencedImageSequence, dataset.SourceImageSequence = images, images[:1]
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP1", "SPS1"
    request.ScheduledProcedureStepDescription = "CT thorax"
    request.ScheduledProtocolCodeSequence = [code("CTTHORAX", "99LOCAL", "CT thorax")]
    dataset.RequestAttributesSequence = [request]
    dataset.ProcedureCodeSequence = [code("CTTHORAX", "99LOCAL", "CT thorax")]
    dataset.AnatomicRegionSequence = [code("51185008", "SCT", "Chest")]
    dose = Dataset()
    dose.ExposureModulationType, dose.ReasonForTheAttributeModification = "XYZ_EC", "COERCE"
    before = Dataset()
    before.PatientName, before.PatientID = "FORMER^NAME", "4710"
    dose.ModifiedAttributesSequence = [before]
    dataset.OriginalAttributesSequence = [dose]
