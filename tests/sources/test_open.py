from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import dicomanon.sources
from dicomanon.errors import AmbiguousSlideError, CorruptSlideError, UnknownSlideError
from dicomanon.sources import claims, formats, open_slide
from tests.slides import PLANTED, make_svs

if TYPE_CHECKING:
    from pathlib import Path


def test_each_format_of_the_package_is_found_by_being_there() -> None:
    assert "aperio" in [record.name for record in formats()]


def test_every_file_of_the_corpus_is_claimed_by_at_most_one_format(corpus: Path) -> None:
    files = [path for path in sorted((corpus / "slides").rglob("*")) if path.is_file()]
    assert len(files) > 30

    for path in files:
        found = [record.name for record in claims(path)]
        assert len(found) <= 1, (path.name, found)
        if path.suffix == ".svs":
            assert found == ["aperio"], path.name


def test_a_file_that_no_format_claims_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "notes.svs"
    path.write_bytes(b"not a TIFF at all")

    with pytest.raises(UnknownSlideError):
        open_slide(path)


def test_a_missing_file_is_unknown_and_its_name_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(UnknownSlideError) as caught:
        open_slide(tmp_path / "CANARYNAME.svs")

    assert "CANARYNAME" not in str(caught.value)


def test_two_formats_that_claim_one_file_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aperio = next(record for record in formats() if record.name == "aperio")
    twice = (*formats(), replace(aperio, name="impostor"))
    monkeypatch.setattr(dicomanon.sources, "formats", lambda: twice)

    with pytest.raises(AmbiguousSlideError):
        open_slide(make_svs(tmp_path / "slide.svs"))


def test_a_slide_with_another_extension_is_still_a_slide(tmp_path: Path) -> None:
    with open_slide(make_svs(tmp_path / "slide.bin")) as slide:
        assert slide.format == "aperio"


@pytest.mark.parametrize("twentieths", range(1, 20))
def test_a_truncated_slide_is_a_damaged_slide(corpus: Path, tmp_path: Path, twentieths: int) -> None:
    whole = (corpus / "slides/aperio/CMU-1-Small-Region.svs").read_bytes()
    path = tmp_path / "cut.svs"
    path.write_bytes(whole[: len(whole) * twentieths // 20])

    with pytest.raises(CorruptSlideError):
        open_slide(path)


@pytest.mark.parametrize("missing", [2, 1000, 60_000])
def test_a_slide_that_lost_its_last_bytes_is_a_damaged_slide(tmp_path: Path, missing: int) -> None:
    whole = make_svs(tmp_path / "whole.svs").read_bytes()
    path = tmp_path / "cut.svs"
    path.write_bytes(whole[:-missing])

    with pytest.raises(CorruptSlideError) as caught:
        open_slide(path)

    assert not any(value in str(caught.value) for value in PLANTED.values())


def test_a_slide_whose_directories_are_gone_is_known_by_its_text(corpus: Path, tmp_path: Path) -> None:
    whole = bytearray((corpus / "slides/aperio/CMU-1-Small-Region.svs").read_bytes())
    whole[4:8] = b"\xff\xff\xff\x7f"
    path = tmp_path / "lost.tif"
    path.write_bytes(whole)

    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_slide_that_cannot_be_decoded_by_others_is_a_damaged_slide(corpus: Path) -> None:
    with pytest.raises(CorruptSlideError):
        open_slide(corpus / "slides/openslide-fixtures/unreadable.svs")


def test_importing_the_formats_loads_nothing_heavy() -> None:
    code = "import sys, dicomanon.sources as s; s.formats(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert not {"numpy", "tifffile", "imagecodecs", "pydicom"} & set(done.stdout.split())
