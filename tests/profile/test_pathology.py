"""What each pathology option lets out of a slide, next to what leaves without it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicomanon.errors import ProfileError
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import load_option, load_profile, option_keywords
from dicomanon.pseudonym import Pseudonymizer
from tests.canary import make_canary_slide
from tests.canary_image import code
from tests.peers import dciodvfy
from tests.verify.made import KEY, opened, route_of

if TYPE_CHECKING:
    from pathlib import Path

PATHOLOGY = [word for word in option_keywords() if not load_option(word).code]
CASE = "S21-1234"
BLOCK = "S21-1234-A-2-1"


def accession(case: str = CASE) -> str:
    return Pseudonymizer(KEY).identifier("AccessionNumber", case.encode())


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = dcmread(make_canary_slide(tmp_path_factory.mktemp("slide")).files[0])
    dataset.AccessionNumber = CASE
    dataset.ContainerIdentifier = BLOCK
    dataset.BarcodeValue = BLOCK
    dataset.LabelText = "CANARYLABEL"
    specimen = dataset.SpecimenDescriptionSequence[0]
    specimen.SpecimenIdentifier = BLOCK
    first = specimen.SpecimenPreparationSequence[0].SpecimenPreparationStepContentItemSequence[0]
    first.ConceptNameCodeSequence, first.TextValue = [code("121041", "DCM", "Specimen Identifier")], BLOCK
    first.ValueType = "TEXT"
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20210317", "101112"
    dataset.OpticalPathSequence[0].OpticalPathDescription = dataset.SeriesDescription = "Brightfield"
    organization = dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID
    labels = []
    for label in ("Column Position In Total Image Pixel Matrix", "CANARYLABEL of Smith"):
        item = Dataset()
        item.DimensionOrganizationUID = organization
        item.DimensionIndexPointer = 0x0048021E
        item.FunctionalGroupPointer = 0x0048021A
        item.DimensionDescriptionLabel = label
        labels.append(item)
    dataset.DimensionIndexSequence = labels
    dataset.add_new(0x004006FA, "LO", BLOCK)
    dataset.add_new(0x0040050A, "LO", CASE)
    old = Dataset()
    old.SpecimenIdentifier = BLOCK
    old.add_new(0x00400553, "ST", "CANARYOLDWORDS")
    old.SpecimenTypeCodeSequence = [code("119376003", "SCT", "Tissue specimen")]
    dataset.add_new(0x00400550, "SQ", [old])
    centre = Dataset()
    centre.XOffsetInSlideCoordinateSystem, centre.YOffsetInSlideCoordinateSystem = "21.5", "10.25"
    dataset.add_new(0x0040071A, "SQ", [centre])
    return dataset


def cleared(slide: Dataset, profile: str, *options: str) -> Dataset:
    """De-identify and verify a slide, and look for what was planted for these tests."""
    buffer = io.BytesIO()
    slide.save_as(buffer, enforce_file_format=True)
    data = clear_in_memory(opened(buffer.getvalue()), route_of(profile, options))
    for planted in (CASE.encode(), b"CANARY"):
        assert planted not in data
    return dcmread(io.BytesIO(data))


def step_text(dataset: Dataset) -> list[str]:
    steps = dataset.SpecimenDescriptionSequence[0].SpecimenPreparationSequence
    return [
        item.TextValue
        for step in steps
        for item in step.SpecimenPreparationStepContentItemSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "121041"
    ]


def test_part_block_and_slide_stay_behind_the_pseudonym_of_the_case(slide: Dataset) -> None:
    found = cleared(slide, "research-wsi", "keep-block-structure")
    whole = cleared(slide, "research-wsi")

    expected = f"{accession()}-A-2-1"
    assert found.AccessionNumber == accession()
    assert found.ContainerIdentifier == expected
    assert found.SpecimenDescriptionSequence[0].SpecimenIdentifier == expected
    assert expected in step_text(found)
    assert whole.ContainerIdentifier == whole.SpecimenDescriptionSequence[0].SpecimenIdentifier
    assert "-A-2-1" not in whole.ContainerIdentifier
    assert found.PatientIdentityRemoved == "YES"
    assert "113100" not in {each.CodeValue for each in found.DeidentificationMethodCodeSequence}


def test_a_scanner_is_told_from_others_by_a_pseudonym(slide: Dataset) -> None:
    found, without = cleared(slide, "basic", "keep-scanner"), cleared(slide, "basic")

    assert re.fullmatch("[A-Z2-7]{16}", found.StationName)
    assert re.fullmatch("[A-Z2-7]{16}", found.DeviceSerialNumber)
    assert "StationName" not in without
    assert found.ManufacturerModelName == slide.ManufacturerModelName
    assert load_profile("basic", ("keep-scanner",)).note == ""


def test_an_operator_is_a_pseudonym_and_nobody_by_default(slide: Dataset) -> None:
    found = cleared(slide, "basic", "keep-operator-pseudonym")

    assert re.fullmatch("[A-Z2-7]{16}", str(found.OperatorsName))
    assert "OperatorsName" not in cleared(slide, "basic")
    assert load_profile("basic", ("keep-operator-pseudonym",)).note == ""


@pytest.mark.parametrize(
    ("option", "day", "moment"),
    [
        ("scan-day", "20210317", "20210317"),
        ("scan-month", "20210301", "202103"),
        ("scan-year", "20210101", "2021"),
    ],
)
def test_the_time_of_a_scan_is_left_as_coarse_as_the_option_says(
    slide: Dataset, option: str, day: str, moment: str
) -> None:
    found = cleared(slide, "basic", option)

    assert {found.AcquisitionDate, found.ContentDate, found.SeriesDate, found.InstanceCreationDate} == {day}
    assert found.AcquisitionDateTime == moment
    assert "AcquisitionTime" not in found
    assert found.ContentTime == "000000"
    assert found.StudyDate == ""
    assert found.LongitudinalTemporalInformationModified == "MODIFIED"
    assert "DeidentificationMethodCodeSequence" not in found


@pytest.mark.parametrize(("option", "digits"), [("scan-day", 8), ("scan-month", 6), ("scan-year", 4)])
def test_where_dates_move_it_is_the_moved_date_that_is_coarse(
    slide: Dataset, option: str, digits: int
) -> None:
    """A real month beside moved dates would tell by how much they moved."""
    found, moved = cleared(slide, "research-wsi", option), cleared(slide, "research-wsi")

    assert found.StudyDate == moved.StudyDate
    assert found.StudyDate[:4] != "2021" or found.StudyDate[4:6] != "03"
    assert found.AcquisitionDateTime == moved.AcquisitionDateTime[:digits]
    assert found.ContentDate == moved.ContentDate[:digits] + "0101"[digits - 4 :]
    assert "AcquisitionTime" not in found
    assert found.LongitudinalTemporalInformationModified == "MODIFIED"
    assert "113100" in {each.CodeValue for each in found.DeidentificationMethodCodeSequence}


@pytest.mark.parametrize("profile", ["basic", "research-wsi"])
def test_no_time_of_a_scan_leaves_whatever_the_profile_retains(slide: Dataset, profile: str) -> None:
    found = cleared(slide, profile, "no-scan-time")
    full = cleared(slide, "basic", "retain-full-dates", "no-scan-time")

    for each in (found, full):
        assert "AcquisitionDate" not in each
        assert each.AcquisitionDateTime.startswith("19000101")
        assert (each.ContentDate, each.ContentTime) == ("19000101", "000000")
    assert full.StudyDate == "20210317"
    assert load_profile(profile, ("no-scan-time",)).note == ""


def test_a_scan_on_the_first_of_the_month_is_verified_all_the_same(slide: Dataset) -> None:
    """The coarse date is the one of the source; it is the option that says so."""
    first = Dataset(slide)
    first.file_meta = slide.file_meta
    first.AcquisitionDate = "20210301"

    assert cleared(first, "basic", "scan-month").AcquisitionDate == "20210301"


def test_two_times_of_a_scan_exclude_each_other() -> None:
    words = ["scan-day", "scan-month", "scan-year", "no-scan-time"]
    for one in words:
        for other in words:
            if one != other:
                with pytest.raises(ProfileError, match="exclude each other"):
                    load_profile("basic", (one, other))


@pytest.mark.parametrize("option", ["keep-barcode-pseudonym", "keep-retired-specimen"])
def test_identifiers_of_one_slide_that_would_not_agree_exclude_each_other(option: str) -> None:
    with pytest.raises(ProfileError, match="exclude each other"):
        load_profile("basic", ("keep-block-structure", option))


@pytest.mark.parametrize("option", ["scan-day", "scan-month", "scan-year"])
def test_full_dates_and_coarse_ones_exclude_each_other(option: str) -> None:
    """(0028,0303) could not say of both what they are."""
    for order in ((option, "retain-full-dates"), ("retain-full-dates", option)):
        with pytest.raises(ProfileError, match="exclude each other"):
            load_profile("basic", order)


def test_a_label_stays_that_names_an_attribute_or_a_light(slide: Dataset) -> None:
    found, without = cleared(slide, "basic", "keep-dimension-labels"), cleared(slide, "basic")

    labels = [item.get("DimensionDescriptionLabel") for item in found.DimensionIndexSequence]
    assert labels == ["Column Position In Total Image Pixel Matrix", None]
    assert found.OpticalPathSequence[0].OpticalPathDescription == "Brightfield"
    assert "OpticalPathDescription" not in without.OpticalPathSequence[0]
    assert all("DimensionDescriptionLabel" not in item for item in without.DimensionIndexSequence)


def test_the_words_of_a_colour_profile_stay_with_the_option_alone(slide: Dataset) -> None:
    profile = slide.OpticalPathSequence[0].ICCProfile
    words = "sRGB".encode("utf-16-be")
    clean = Dataset(slide)
    clean.file_meta = slide.file_meta
    from PIL import ImageCms

    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    clean.OpticalPathSequence[0].ICCProfile = plain + bytes(len(plain) % 2)
    try:
        found, without = cleared(clean, "basic", "keep-icc-text"), cleared(clean, "basic")
    finally:
        clean.OpticalPathSequence[0].ICCProfile = profile

    assert words in plain
    assert found.OpticalPathSequence[0].ICCProfile[: len(plain)] == plain
    assert words not in without.OpticalPathSequence[0].ICCProfile


def test_a_barcode_is_the_pseudonym_of_the_container(slide: Dataset) -> None:
    found, without = cleared(slide, "basic", "keep-barcode-pseudonym"), cleared(slide, "basic")

    assert found.BarcodeValue == found.ContainerIdentifier
    assert not found.LabelText
    assert not without.BarcodeValue
    assert load_profile("basic", ("keep-barcode-pseudonym",)).note == ""


def test_issuers_are_pseudonyms_and_two_of_one_name_are_one(slide: Dataset) -> None:
    issued = Dataset(slide)
    issued.file_meta = slide.file_meta
    names = []
    for word in ("CANARYLAB", "CANARYLAB", "CANARYOTHER"):
        item = Dataset()
        item.LocalNamespaceEntityID = word
        names.append(item)
    issued.IssuerOfAccessionNumberSequence, issued.IssuerOfTheContainerIdentifierSequence = (
        names[:1],
        names[1:2],
    )
    specimen = Dataset(slide.SpecimenDescriptionSequence[0])
    specimen.IssuerOfTheSpecimenIdentifierSequence = names[2:]
    issued.SpecimenDescriptionSequence = [specimen]

    found, without = cleared(issued, "basic", "keep-issuer-pseudonym"), cleared(issued, "basic")

    (accession_issuer,) = found.IssuerOfAccessionNumberSequence
    (container_issuer,) = found.IssuerOfTheContainerIdentifierSequence
    (specimen_issuer,) = found.SpecimenDescriptionSequence[0].IssuerOfTheSpecimenIdentifierSequence
    assert re.fullmatch("[A-Z2-7]{16}", accession_issuer.LocalNamespaceEntityID)
    assert accession_issuer.LocalNamespaceEntityID == container_issuer.LocalNamespaceEntityID
    assert specimen_issuer.LocalNamespaceEntityID != container_issuer.LocalNamespaceEntityID
    assert not without.IssuerOfTheContainerIdentifierSequence
    assert "113100" not in {code for code, _ in load_profile("basic", ("keep-issuer-pseudonym",)).codes}


def test_retired_attributes_become_the_pseudonyms_of_their_successors(slide: Dataset) -> None:
    found, without = cleared(slide, "research-wsi", "keep-retired-specimen"), cleared(slide, "research-wsi")

    assert found[0x004006FA].value == found.ContainerIdentifier
    assert found[0x0040050A].value == found.AccessionNumber == accession()
    (old,) = found[0x00400550].value
    assert old.SpecimenIdentifier == found.SpecimenDescriptionSequence[0].SpecimenIdentifier
    assert old.SpecimenTypeCodeSequence[0].CodeMeaning == "Tissue specimen"
    assert 0x00400553 not in old
    (centre,) = found[0x0040071A].value
    assert (centre.XOffsetInSlideCoordinateSystem, centre.YOffsetInSlideCoordinateSystem) == (21.5, 10.25)
    assert not {0x004006FA, 0x0040050A, 0x00400550, 0x0040071A} & set(without.keys())
    assert load_profile("research-wsi", ("keep-retired-specimen",)).note == ""


def test_the_output_names_the_options_that_have_no_code(slide: Dataset) -> None:
    found = cleared(slide, "basic", "keep-scanner", "no-scan-time", "retain-uids")

    said = list(found.DeidentificationMethod)
    assert said[1:4] == ["profile basic", "option keep-scanner", "option no-scan-time"]
    assert "option retain-uids" not in said


@pytest.mark.parametrize("option", PATHOLOGY)
def test_an_option_for_pathology_claims_nothing_and_its_rows_have_effect(option: str) -> None:
    profile = load_profile("basic", (option,))

    assert profile.claimed == ()
    assert profile.fallen_back == ()
    assert {code for code, _ in profile.codes} <= {"113100"}
    assert profile.identity_removed == "YES"
    for row in load_option(option).rows:
        rule = profile.rule_at(row.path, "LO")
        assert (rule.origin, rule.reason) == (f"option {option}", row.rule.reason)


def test_an_override_outranks_the_row_of_an_option_and_the_run_says_that_it_does_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'extends = "basic"\noptions = ["keep-operator-pseudonym"]\n'
        '[[override]]\nkeyword = "OperatorsName"\naction = "X"\nreason = "because"\n'
    )

    profile = load_profile(str(path))

    assert profile.rules[0x00081070].code == "X"
    assert [each.keyword for each in profile.fallen_back] == ["keep-operator-pseudonym"]


@pytest.mark.peer
@pytest.mark.parametrize("option", PATHOLOGY)
def test_no_option_adds_an_error_to_the_iod(slide: Dataset, tmp_path: Path, option: str) -> None:
    def errors(dataset: Dataset) -> set[str]:
        path = tmp_path / "one.dcm"
        dataset.save_as(path, enforce_file_format=True)
        return set(dciodvfy(path))

    allowed = errors(slide) | errors(cleared(slide, "basic"))

    assert errors(cleared(slide, "basic", option)) - allowed == set()
