"""Slides of each vendor: nothing of anybody is left in the copy, and the tissue is the same to the last bit."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import SlideError
from dicomanon.native import deidentify_native
from dicomanon.sources import SlideImage, open_slide
from tests.native.looked_at import (
    LABELS,
    as_openslide_sees,
    associated,
    digest,
    files_of,
    found,
    needs_reader,
    planted,
)

if TYPE_CHECKING:
    from pathlib import Path

SYNTHETIC = (
    *("svs.svs", "svs-jp2k.svs", "ndpi.ndpi", "generic.tiff", "philips.tiff", "bif.bif", "ventana-tif.tif"),
    "mrxs.mrxs",
)
REAL = ("aperio/CMU-1-Small-Region.svs", "hamamatsu/test3-TRITC-2-560.ndpi")
FRAMES_CHANGE = ("svs-jp2k.svs",)
"""Their tiles have comments, which are emptied."""
NOT_HERE = ("scn.scn", "vms.vms", "isyntax-header.isyntax")


def synthetic(corpus: Path, name: str) -> Path:
    return needs_reader(corpus / "slides/synthetic" / f"synthetic-{name}")


@pytest.mark.parametrize("name", SYNTHETIC)
def test_no_planted_value_is_in_a_copy_in_any_form(corpus: Path, tmp_path: Path, name: str) -> None:
    slide = synthetic(corpus, name)
    values = planted(slide)
    before = digest(slide)

    result = deidentify_native(slide, tmp_path, "anon-0001")

    assert len(found(slide, values)) > 2
    assert found(result.path, values) == []
    assert found(result.path, ["synthetic-"]) == []
    assert digest(slide) == before
    assert sum(each.stat().st_size for each in files_of(result.path)) == result.size
    assert {each.name for each in tmp_path.iterdir()} <= {result.path.name, "anon-0001"}


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_a_copy_shows_the_same_tissue_and_no_label(corpus: Path, tmp_path: Path, name: str) -> None:
    slide = corpus / "slides" / name if name in REAL else synthetic(corpus, name)

    copy = deidentify_native(slide, tmp_path, "anon-0001").path

    assert as_openslide_sees(copy) == as_openslide_sees(slide)
    assert not associated(copy) & LABELS
    assert frames(copy, same=name not in FRAMES_CHANGE) == frames(slide, same=name not in FRAMES_CHANGE)
    with open_slide(copy) as opened:
        assert {each.flavor for each in opened.others} <= {"THUMBNAIL"}


def frames(path: Path, *, same: bool) -> list[object]:
    """Digests of the frames of each level as they are stored, or how many there are of which length."""
    with open_slide(path) as slide:
        levels = [level for level in slide.levels if isinstance(level, SlideImage)]
        if not same:
            return [list(level.frame_lengths) for level in levels]
        return [[hashlib.sha256(frame).digest() for frame in level.frames()] for level in levels]


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_levels_one_to_four_are_reached_and_five_never(corpus: Path, tmp_path: Path, name: str) -> None:
    slide = corpus / "slides" / name if name in REAL else synthetic(corpus, name)

    result = deidentify_native(slide, tmp_path, "anon-0001")

    assert result.level == "IV"
    assert [each.reached for each in result.levels] == [True, True, True, True, False]
    assert result.done.destroyed > 10_000
    assert sum((result.done.fields or {}).values()) > 5
    assert found(slide, [str(result.levels), str(result.done.fields)]) == []


@pytest.mark.parametrize("name", NOT_HERE)
def test_a_format_without_a_native_copy_is_named_with_what_takes_it(
    corpus: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(SlideError, match="is not de-identified in its own format; `dicomanon convert`"):
        deidentify_native(synthetic(corpus, name), tmp_path, "anon-0001")
    assert list(tmp_path.iterdir()) == []


def test_no_word_of_a_report_is_a_value_of_the_slide(corpus: Path, tmp_path: Path) -> None:
    for number, name in enumerate(SYNTHETIC[:-1]):
        slide = synthetic(corpus, name)
        said = str(deidentify_native(slide, tmp_path, f"anon-{number:04}").levels)

        assert [value for value in planted(slide) if value in said] == []
