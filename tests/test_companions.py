"""What is made on a slide leaves with it: references resolve, codes stay, identifiers go (real highdicom objects)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from dicomanon.batch import Job, deidentify_files
from tests.companions import COMPANIONS, REFERRING, UID, planted_slide
from tests.peers import dcentvfy, dciodvfy
from tests.verify.made import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

PROFILES = (("research-wsi", ()), ("basic", ()), ("basic", ("clean-structured-content", "retain-full-dates")))
LOCAL_CODES = (b"99canarysite", b"canaryname", b"canarymeaning", b"canaryvaluemeaning", b"canaryvalue")
"""Codes stay for what they are where no option looks at their concepts."""
NAMES = ("slide", *COMPANIONS)


@dataclass(frozen=True, slots=True)
class Case:
    """A slide with what was made on it, by name: before, and after under one profile."""

    before: dict[str, Path]
    after: dict[str, Path]
    structured: bool
    """Whether content items are judged by concept: then local codes go as well, and specimens stay."""

    def read(self, name: str) -> tuple[Dataset, Dataset]:
        return dcmread(self.before[name]), dcmread(self.after[name])


@pytest.fixture(scope="module")
def sources(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("identified")
    slide = planted_slide(corpus / "dicom/wsi/highdicom/sm_image.dcm")
    made = {"slide": slide} | {name: make(slide) for name, make in COMPANIONS.items()}
    for name, dataset in made.items():
        dataset.save_as(folder / f"{name}.dcm")
    return {name: folder / f"{name}.dcm" for name in made}


@pytest.fixture(scope="module", params=PROFILES, ids=lambda each: "+".join((each[0], *each[1])))
def case(
    request: pytest.FixtureRequest, sources: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Case:
    profile, options = request.param
    out = tmp_path_factory.mktemp("cleared")
    job = Job(out, profile, options, KEY, ephemeral=False, durable=False)
    results = [each for batch in deidentify_files(sources.values(), job) for each in batch]
    assert [(each.outcome, each.message) for each in results] == [("cleared", "")] * len(NAMES)
    after = dict(zip(sources, (out / each.output for each in results), strict=True))
    return Case(sources, after, structured=profile == "research-wsi" or bool(options))


def every(dataset: Dataset, keyword: str) -> Iterator[str]:
    for element in dataset.iterall():
        if element.keyword == keyword:
            yield str(element.value)


def items(dataset: Dataset) -> Iterator[Dataset]:
    """Every content item of a tree, in order."""
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from items(item)


def named(dataset: Dataset, code: str) -> list[Dataset]:
    return [
        item
        for item in items(dataset)
        if "ConceptNameCodeSequence" in item and item.ConceptNameCodeSequence[0].CodeValue == code
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_planted_identifier_is_left_in_any_byte(case: Case, name: str) -> None:
    before, after = (each[name].read_bytes().lower() for each in (case.before, case.after))
    for each in () if case.structured else LOCAL_CODES:
        after = after.replace(each, b"")

    assert b"canary" in before
    assert [word for word in (b"canary", UID.encode(), b"19510203", b"s26-") if word in after] == []


@pytest.mark.parametrize("name", REFERRING)
def test_every_reference_leads_to_what_left(case: Case, name: str) -> None:
    before, after = case.read(name)
    known = {
        str(dcmread(case.before[each]).SOPInstanceUID): str(dcmread(case.after[each]).SOPInstanceUID)
        for each in NAMES
    }

    references = list(every(before, "ReferencedSOPInstanceUID"))
    assert references
    assert list(every(after, "ReferencedSOPInstanceUID")) == [known[each] for each in references]


def test_one_frame_of_reference_is_shared_by_all_that_had_it(case: Case) -> None:
    pairs = {
        (each[0].get("FrameOfReferenceUID"), each[1].get("FrameOfReferenceUID"))
        for each in map(case.read, NAMES)
    }
    (slide,) = [pair for pair in pairs if pair[0] == case.read("slide")[0].FrameOfReferenceUID]
    regions = [set(every(each, "ReferencedFrameOfReferenceUID")) for each in case.read("report")]

    assert slide[0] != slide[1]
    assert regions == [{slide[0]}, {slide[1]}]


@pytest.mark.peer
@pytest.mark.parametrize("name", NAMES)
def test_dciodvfy_finds_no_error_that_the_source_had_not(case: Case, name: str) -> None:
    assert set(dciodvfy(case.after[name])) <= set(dciodvfy(case.before[name]))


@pytest.mark.peer
def test_dcentvfy_finds_that_all_tell_the_same_patient_study_and_series(case: Case) -> None:
    assert dcentvfy(case.after.values()) == []


def test_a_report_says_of_which_specimen_it_is_by_the_names_the_slide_has(case: Case) -> None:
    slide, report = case.read("slide")[1], case.read("report")[1]
    specimen = slide.SpecimenDescriptionSequence[0]

    assert [item.UID for item in named(report, "121039")] == [specimen.SpecimenUID]
    assert [item.TextValue for item in named(report, "121041")] == [specimen.SpecimenIdentifier]
    assert [item.TextValue for item in named(report, "111700")] == [slide.ContainerIdentifier]


def test_a_picture_of_the_block_names_the_specimen_as_the_slide_does(case: Case) -> None:
    slide, capture = case.read("slide")[1], case.read("capture")[1]
    of_slide, of_capture = (each.SpecimenDescriptionSequence[0] for each in (slide, capture))

    assert capture.ContainerIdentifier == slide.ContainerIdentifier
    assert of_capture.SpecimenIdentifier == of_slide.SpecimenIdentifier
    assert of_capture.SpecimenUID == of_slide.SpecimenUID
    assert len(of_capture.SpecimenPreparationSequence) == (1 if case.structured else 0)


def test_what_a_report_measured_and_found_stays(case: Case) -> None:
    before, after = case.read("report")
    for code in ("42798000", "121071", "111030"):
        (old,), (new,) = named(before, code), named(after, code)
        for keyword in ("MeasuredValueSequence", "ConceptCodeSequence", "GraphicData"):
            assert old.get(keyword) == new.get(keyword)


def test_layers_of_a_presentation_stay_apart_and_their_annotations_on_them(case: Case) -> None:
    after = case.read("presentation")[1]
    layers = [item.GraphicLayer for item in after.GraphicLayerSequence]

    assert len(set(layers)) == 2
    assert [item.GraphicLayer for item in after.GraphicAnnotationSequence] == layers[:1]


def test_stain_and_fixative_of_the_slide_stay_coded(case: Case) -> None:
    before, after = case.read("slide")
    codes = [
        sorted(
            item.ConceptCodeSequence[0].CodeValue
            for step in each.SpecimenDescriptionSequence[0].SpecimenPreparationSequence
            for item in step.SpecimenPreparationStepContentItemSequence
            if item.ValueType == "CODE"
        )
        for each in (before, after)
    ]

    assert codes[1] == (codes[0] if case.structured else [])  # the Basic Profile says Z
    assert len(codes[0]) > 5
