"""Identifiers in every kind of place a data set has: each function plants those of one area."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from PIL import ImageCms
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from tests.canary_image import code

UID_ROOT = "1.2.826.0.1.3680043.10.1947."
BIRTH_DATE = "19480203"
ACCENTED = "Jörgünßøn"
KANJI = "山田花太郎"
KANA = "やまだはな"

STAIN_CODES = (
    ("127790008", "SCT", "Staining"),
    ("12710003", "SCT", "hematoxylin stain"),
    ("36879007", "SCT", "water soluble eosin stain"),
)
SPECIMEN_CODES = (
    ("119376003", "SCT", "Tissue specimen"),
    ("76752008", "SCT", "Breast"),
    ("433466003", "SCT", "Microscope slide"),
)


@dataclass(slots=True)
class Planted:
    """Everything planted so far, by place."""

    canaries: dict[str, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    def text(self, place: str) -> str:
        """Return a text for `place` (letters and digits, capitals) that no other place has any part of."""
        word = f"CANARY{place}"
        assert place.isalnum()
        assert place == place.upper()
        assert not any(
            word != other and (word in other or other in word) for other in self.canaries.values()
        ), place
        self.canaries[place] = word
        return word

    def exactly(self, place: str, value: str) -> str:
        """Record a value that has a form of its own: a number, a date as text, a name in another script."""
        self.canaries[place] = value
        return value

    def uid(self, place: str) -> str:
        """Return a UID for `place`, the same each time."""
        return self.uids.setdefault(place, f"{UID_ROOT}{7100 + len(self.uids)}.31337")

    def date(self, place: str, day: int) -> str:
        """Return a DA of March 2021; the days are few, so that hardly any shift maps one on another."""
        self.dates[place] = f"202103{day:02}"
        return self.dates[place]

    def moment(self, place: str, day: int) -> str:
        """Return a DT with fractional seconds and an offset."""
        return f"{self.date(place, day)}0917{len(self.dates):02}.417253+0100"


def patient_and_study(dataset: Dataset, plant: Planted, character_set: str) -> None:
    """Plant in the top-level attributes of patient, visit, study, series and equipment."""
    name = f"{plant.text('NAMEFAMILY')}^{plant.text('NAMEGIVEN')}"
    if character_set in {"ISO_IR 100", "ISO_IR 192"}:
        name += f" {plant.exactly('NAMEACCENTED', ACCENTED)}"
    if character_set == "ISO 2022 IR 87":
        name += f"={plant.exactly('NAMEIDEOGRAPHIC', KANJI)}={plant.exactly('NAMEPHONETIC', KANA)}"
    dataset.PatientName = name
    dataset.ReferringPhysicianName = "^".join(
        plant.text(f"R{part}") for part in ("FA", "GI", "MI", "PR", "SU")
    )
    dataset.PatientBirthDate = plant.dates["PatientBirthDate"] = BIRTH_DATE
    dataset.PatientSex = "F"
    dataset.StudyDate, dataset.StudyTime = plant.date("StudyDate", 17), "091733.417253"
    dataset.SeriesDate, dataset.SeriesTime = plant.date("SeriesDate", 17), "091833.417253"
    dataset.ContentDate, dataset.ContentTime = plant.date("ContentDate", 17), "091933.417253"
    dataset.AcquisitionDateTime = plant.moment("AcquisitionDateTime", 17)
    dataset.InstanceCreationDate = plant.date("InstanceCreationDate", 17)
    dataset.TimezoneOffsetFromUTC = "+0100"
    for keyword in (
        *("PatientID", "IssuerOfPatientID", "PatientAddress", "PatientComments", "AdditionalPatientHistory"),
        *(
            "PatientBirthDateInAlternativeCalendar",
            "AdmissionID",
            "StudyID",
            "StudyDescription",
            "ProtocolName",
        ),
        *("SeriesDescription", "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName"),
        *("DeviceSerialNumber", "PerformingPhysicianName", "OperatorsName"),
        *("AcquisitionComments", "RequestedProcedureDescription", "RetrieveURL", "BranchOfService"),
        *("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName"),
        *("ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID"),
    ):
        setattr(dataset, keyword, plant.text(keyword.upper()))
    for keyword, place in (
        *(("AccessionNumber", "ACCESSION"), ("StationName", "STATION"), ("Occupation", "OCCUPATION")),
        *(("StationAETitle", "SCANNERAE"), ("PatientTelephoneNumbers", "TELEPHONE")),
        ("PerformedProcedureStepID", "STEPID"),
    ):
        setattr(dataset, keyword, plant.text(place))
    dataset.PatientAlternativeCalendar = "THAI"
    aperio = [
        f"{word} = {plant.text('APERIO' + word.upper().replace(' ', ''))}"
        for word in ("ScanScope ID", "User")
    ]
    aperio += [f"Date = {plant.exactly('APERIODATE', '03/17/21')}", f"Title = {plant.text('APERIOTITLE')}"]
    dataset.ImageComments = "Aperio Image Library v11.2.1\r\n" + "|".join(
        ["46000x32914 [0,100 46000x32814]", *aperio]
    )
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = plant.text("OTHERID"), plant.text("OTHERISSUER")
    other.TypeOfPatientID = "TEXT"
    dataset.OtherPatientIDsSequence = [other]
    qualifiers = Dataset()
    qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType = plant.text("QUALIFIERUNIVERSAL"), "DNS"
    dataset.IssuerOfPatientIDQualifiersSequence = [qualifiers]
    accession = Dataset()
    accession.LocalNamespaceEntityID = plant.text("LOCALNAMESPACE")
    dataset.IssuerOfAccessionNumberSequence = [accession]


def uids_and_references(dataset: Dataset, plant: Planted, number: int, count: int) -> None:
    """Plant UIDs: of the instance, of what it belongs to, and of what it refers to."""
    dataset.SOPInstanceUID = plant.uid(f"SOPInstanceUID{number}")
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PyramidUID"):
        setattr(dataset, keyword, plant.uid(keyword))
    dataset.SOPInstanceUIDOfConcatenationSource = plant.uid("SOPInstanceUIDOfConcatenationSource")
    dataset.ConcatenationUID = plant.uid("ConcatenationUID")
    dataset.InConcatenationNumber, dataset.InConcatenationTotalNumber = 1, 2
    dataset.ConcatenationFrameOffsetNumber = 0
    dataset.InstanceCreatorUID = plant.uid("InstanceCreatorUID")
    dataset.DeviceUID = plant.uid("DeviceUID")
    organization = Dataset()
    organization.DimensionOrganizationUID = plant.uid("DimensionOrganizationUID")
    dataset.DimensionOrganizationSequence = [organization]
    other = Dataset()
    other.ReferencedSOPClassUID = dataset.SOPClassUID
    other.ReferencedSOPInstanceUID = plant.uid(f"SOPInstanceUID{number % count + 1}")
    series = Dataset()
    series.SeriesInstanceUID = plant.uid("SeriesInstanceUID")
    series.ReferencedInstanceSequence = [other]
    dataset.ReferencedSeriesSequence = [series]


def specimen(dataset: Dataset, plant: Planted) -> None:
    """Plant in container, specimen and its preparation, beside the codes that must stay."""
    dataset.ContainerIdentifier = plant.text("BOXID")
    issuer = Dataset()
    issuer.LocalNamespaceEntityID = plant.text("BOXISSUER")
    dataset.IssuerOfTheContainerIdentifierSequence = [issuer]
    alternate = Dataset()
    alternate.ContainerIdentifier = plant.text("ALTERNATEBOX")
    alternate.IssuerOfTheContainerIdentifierSequence = []
    dataset.AlternateContainerIdentifierSequence = [alternate]
    dataset.ContainerTypeCodeSequence = [code(*SPECIMEN_CODES[2])]
    dataset.ContainerDescription = plant.text("BOXDESCRIPTION")
    dataset.add_new(0x004006FA, "LO", plant.text("SLIDEID"))
    item = Dataset()
    item.SpecimenIdentifier = plant.text("SPECIMENID")
    item.SpecimenUID = plant.uid("SpecimenUID")
    specimen_issuer = Dataset()
    specimen_issuer.UniversalEntityID = plant.text("SPECIMENISSUER")
    specimen_issuer.UniversalEntityIDType = "DNS"
    item.IssuerOfTheSpecimenIdentifierSequence = [specimen_issuer]
    item.SpecimenShortDescription = plant.text("SPECIMENSHORT")
    item.SpecimenDetailedDescription = plant.text("SPECIMENDETAILED")
    item.SpecimenTypeCodeSequence = [code(*SPECIMEN_CODES[0])]
    item.PrimaryAnatomicStructureSequence = [code(*SPECIMEN_CODES[1])]
    item.SpecimenPreparationSequence = [
        _preparation(plant, *step) for step in enumerate(("SAMPLING", "STAINING"))
    ]
    private_block(item, plant, "DEPTH1")
    private_block(item.SpecimenPreparationSequence[0], plant, "DEPTH2")
    content = item.SpecimenPreparationSequence[0].SpecimenPreparationStepContentItemSequence[0]
    private_block(content, plant, "DEPTH3")
    private_block(content.ConceptNameCodeSequence[0], plant, "DEPTH4")
    dataset.SpecimenDescriptionSequence = [item]


def _preparation(plant: Planted, day: int, step: str) -> Dataset:
    def content(value_type: str, concept: Dataset) -> Dataset:
        item = Dataset()
        item.ValueType = value_type
        item.ConceptNameCodeSequence = [concept]
        return item

    identifier = content("TEXT", code("121041", "DCM", "Specimen Identifier"))
    identifier.TextValue = plant.text(f"{step}IDENTIFIER")
    described = content("TEXT", code("111703", "DCM", "Processing step description"))
    described.TextValue = plant.text(f"{step}DESCRIBED")
    person = content("PNAME", code("111704", "DCM", "Person who processed the specimen"))
    person.PersonName = f"{plant.text(f'{step}PERSON')}^Ann"
    moment = content("DATETIME", code("111702", "DCM", "DateTime of processing"))
    moment.DateTime = plant.moment(f"{step}DateTime", 13 + day)
    processing = content("CODE", code("111701", "DCM", "Processing type"))
    processing.ConceptCodeSequence = [code(*STAIN_CODES[0])]
    stains = []
    for stain in STAIN_CODES[1:]:
        stains.append(content("CODE", code("424361007", "SCT", "Using substance")))
        stains[-1].ConceptCodeSequence = [code(*stain)]
    item = Dataset()
    item.SpecimenPreparationStepContentItemSequence = [
        identifier,
        described,
        person,
        moment,
        processing,
        *stains,
    ]
    return item


def history_and_requests(dataset: Dataset, plant: Planted) -> None:
    """Plant in what other systems left behind: equipment, earlier values, orders, labels of dimensions."""
    equipment = Dataset()
    equipment.Manufacturer = "Scanner Works"
    equipment.PurposeOfReferenceCodeSequence = [code("109101", "DCM", "Acquisition Equipment")]
    for keyword in (
        "InstitutionName",
        "InstitutionAddress",
        "StationName",
        "OperatorsName",
        "DeviceSerialNumber",
    ):
        setattr(equipment, keyword, plant.text(f"EQ{keyword.upper()[-8:]}"))
    equipment.ContributionDescription = plant.text("CONTRIBUTION")
    equipment.ContributionDateTime = plant.moment("ContributionDateTime", 16)
    dataset.ContributingEquipmentSequence = [equipment]
    before = Dataset()
    before.PatientName, before.PatientID = plant.text("FORMERNAME"), plant.text("FORMERID")
    original = Dataset()
    original.ModifiedAttributesSequence = [before]
    original.SourceOfPreviousValues = plant.text("PREVIOUSSOURCE")
    original.ModifyingSystem = plant.text("MODIFYINGSYSTEM")
    original.AttributeModificationDateTime = plant.moment("AttributeModificationDateTime", 16)
    original.ReasonForTheAttributeModification = "COERCE"
    dataset.OriginalAttributesSequence = [original]
    request = Dataset()
    request.RequestedProcedureID = plant.text("ORDERID")
    request.AccessionNumber = plant.text("ORDERACC")
    request.ScheduledProcedureStepID = plant.text("STEPORDER")
    request.ScheduledProcedureStepDescription = plant.text("SCHEDULEDTEXT")
    request.RequestingPhysician = plant.text("REQUESTERNAME")
    dataset.RequestAttributesSequence = [request]
    path = dataset.OpticalPathSequence[0]
    path.OpticalPathDescription = plant.text("OPTICALPATH")
    path.ICCProfile = icc_profile(plant.text("ICCCOPYRIGHT"))


def icc_profile(text: str) -> bytes:
    """Return an sRGB profile whose copyright text (UTF-16) is `text`."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    copyright_text = "No copyright, use freely".encode("utf-16-be")
    assert copyright_text in profile
    return profile.replace(copyright_text, text.ljust(24).encode("utf-16-be"))


def private_block(dataset: Dataset, plant: Planted, place: str) -> None:
    """Plant a private block: creator, every VR that can carry an identifier, a sequence, and unknown VR."""
    block = dataset.private_block(0x0099, plant.text(f"{place}CREATOR"), create=True)
    for offset, vr in enumerate(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")):
        block.add_new(0x10 + offset, vr, plant.text(f"{place}{vr}"))
    for offset, vr in enumerate(("OB", "OW", "UN")):
        block.add_new(0x30 + offset, vr, _even(plant.text(f"{place}{vr}")))
    block.add_new(0x40, "AS", "097Y")
    block.add_new(0x41, "IS", plant.exactly(f"{place}IS", f"73091{len(plant.canaries):04}"))
    block.add_new(0x42, "DS", plant.exactly(f"{place}DS", f"73.0917{len(plant.canaries):04}"))
    block.add_new(0x43, "DA", plant.date(f"{place}DA", 15))
    block.add_new(0x44, "DT", plant.moment(f"{place}DT", 15))
    block.add_new(0x45, "TM", "091733.417253")
    block.add_new(0x46, "UI", plant.uid(f"{place}UI"))
    inner = Dataset()
    inner.PatientName = plant.text(f"{place}INNER")
    block.add_new(0x50, "SQ", [inner])


def unknown_elements(dataset: Dataset, plant: Planted) -> None:
    """Plant under tags of the standard's groups that no dictionary has, sequences in disguise too."""
    dataset.add(DataElement(0x00189F77, "UN", _even(plant.text("UNKNOWNTAG"))))
    hidden = plant.text("HIDDENNAME").ljust(20).encode()
    element = struct.pack("<HHI", 0x0010, 0x0010, len(hidden)) + hidden
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(element)) + element
    dataset.add(DataElement(0x00189F79, "UN", item))
    endless = DataElement(0x00189F7B, "UN", struct.pack("<HHI", 0xFFFE, 0xE000, len(element)) + element)
    endless.is_undefined_length = True
    dataset.add(endless)
    dataset.add_new(0x00041130, "CS", plant.text("FILESETID"))
    dataset.add_new(0x00041500, "CS", ["IMAGES", plant.text("FILEID")])


def overlay_and_curve(dataset: Dataset, plant: Planted) -> None:
    """Plant in repeating groups: labels and comments as text, and in the bits themselves."""
    for offset, vr, value in (
        *((0x0010, "US", 16), (0x0011, "US", 16), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1])),
        *((0x0100, "US", 1), (0x0102, "US", 0)),
        *((0x0022, "LO", plant.text("OVERLAYTEXT")), (0x1500, "LO", plant.text("OVERLAYLABEL"))),
        *(
            (0x4000, "LT", plant.text("OVERLAYCOMMENT")),
            (0x3000, "OW", plant.text("OVERLAYBITS").encode().ljust(32)),
        ),
    ):
        dataset.add_new(0x60020000 | offset, vr, value)
    for offset, vr, value in (
        *((0x0005, "US", 2), (0x0010, "US", 8), (0x0020, "CS", "POLY"), (0x0103, "US", 0)),
        *((0x0022, "LO", plant.text("CURVETEXT")), (0x2500, "LO", plant.text("CURVELABEL"))),
        (0x3000, "OB", plant.text("CURVEPOINTS").encode().ljust(32)),
    ):
        dataset.add_new(0x50020000 | offset, vr, value)


def _even(text: str) -> bytes:
    return text.encode().ljust(len(text) + len(text) % 2)
