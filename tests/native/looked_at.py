"""What the tests of native copies look with: every form of a value, and another reader of slides."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import openslide
import pytest

from dicomanon.sources import formats

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def needs_reader(slide: Path) -> Path:
    """Return the slide; skip where the package has no reader of MRXS."""
    if slide.suffix == ".mrxs" and not any(each.name == "mirax" for each in formats()):
        pytest.skip("no reader of MRXS")
    return slide


NOT_TEXT = ("pixels", "label pixels", "macro pixels incl. label")
LABELS = {"label", "macro"}


def planted(slide: Path) -> list[str]:
    """Every text that the makers of a synthetic slide say is in it, and who it is about."""
    said = json.loads(slide.with_name(f"{slide.name}.phi.json").read_text())
    values = [each["value"] for each in said["planted"] if each["value"] not in NOT_TEXT]
    names = ("name", "dicom_name", "mrn", "accession", "barcode", "short_barcode", "operator", "hospital")
    return [*values, *(said["identifiers"][name] for name in names)]


def forms(value: str) -> Iterable[bytes]:
    """Yield a value as it is, in UTF-16, and what is sure to be in any base64 of it."""
    plain = value.encode()
    yield from (plain, plain.lower(), plain.upper(), value.encode("utf-16-le"), value.encode("utf-16-be"))
    if len(plain) > 8:
        for front in range(3):
            packed = base64.b64encode(bytes(front) + plain).rstrip(b"=")
            yield packed[2 * front : len(packed) - 1]


def files_of(path: Path) -> list[Path]:
    """Return the files of a slide: one, or for MRXS also those of its folder."""
    folder = path.with_suffix("")
    return [path, *sorted(folder.iterdir())] if folder.is_dir() else [path]


def found(path: Path, values: Iterable[str]) -> list[str]:
    """Return which of the values are in the files of a slide, in any form."""
    data = b"\0".join(each.read_bytes() for each in files_of(path))
    return [value for value in values if any(form in data for form in forms(value))]


def shingles_left(original: Path, start: int, stop: int, copy: Path) -> int:
    """Count stretches of 64 bytes of a range of the original that are in the copy; plain ones do not count."""
    data, there = original.read_bytes()[start:stop], copy.read_bytes()
    pieces = (data[at : at + 64] for at in range(0, len(data) - 64, 61))
    return sum(len(set(piece)) > 24 and piece in there for piece in pieces)


def digest(path: Path) -> str:
    return hashlib.sha256(b"".join(each.read_bytes() for each in files_of(path))).hexdigest()


def as_openslide_sees(path: Path) -> dict[str, Any]:
    """Levels, their pixels, spacing and power as OpenSlide reads them."""
    with openslide.OpenSlide(path) as slide:
        pixels = []
        for level, (width, height) in enumerate(slide.level_dimensions):
            region = slide.read_region((0, 0), level, (min(width, 1024), min(height, 1024)))
            pixels.append(hashlib.sha256(region.tobytes()).hexdigest())
        names = (
            openslide.PROPERTY_NAME_MPP_X,
            openslide.PROPERTY_NAME_MPP_Y,
            openslide.PROPERTY_NAME_OBJECTIVE_POWER,
            openslide.PROPERTY_NAME_VENDOR,
        )
        return {
            "levels": slide.level_dimensions,
            "pixels": pixels,
            **{name: slide.properties.get(name) for name in names},
        }


def shown(path: Path) -> dict[str, Any] | None:
    """Return what OpenSlide sees, None where it does not open or read the file."""
    try:
        return as_openslide_sees(path)
    except openslide.OpenSlideError:
        return None


def associated(path: Path) -> set[str]:
    with openslide.OpenSlide(path) as slide:
        return set(slide.associated_images)
