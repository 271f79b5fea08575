"""Frame Increment Pointer stays with what it points at, and real files get no error that they did not have."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import InstanceError, RefusedError
from dicomanon.part10.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, encoding_of
from dicomanon.part10.write import file_meta
from dicomanon.pipeline import clear_in_memory
from tests.test_every_class import errors
from tests.verify.made import SOP_INSTANCE, encode, found_in, identity, opened, route_of, value_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements, Found

POINTER, FRAME_TIME, FRAME_TIME_VECTOR, ENERGY_WINDOWS = 0x00280009, 0x00181063, 0x00181065, 0x00540010
PRIVATE = 0x00191010
SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.3.1"
ANGIOGRAPHY = "1.2.840.10008.5.1.4.1.1.12.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SYNTAXES = [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG]
LARGEST = 1 << 20
UNREADABLE = dict.fromkeys(
    ("SC_rgb_32bit.dcm", "SC_rgb_32bit_2frame.dcm", "SC_rgb_expb_32bit.dcm", "SC_rgb_expb_32bit_2frame.dcm"),
    "the validator stops at words of 32 bits, in the file as it was too",
)


def pointer_to(tags: tuple[int, ...], order: str) -> bytes:
    return b"".join(struct.pack(order + "HH", tag >> 16, tag & 0xFFFF) for tag in tags)


def pointing(
    sop_class: str,
    *tags: int,
    syntax: str = EXPLICIT_LITTLE,
    vr: bytes = b"AT",
    profile: str = "basic",
) -> Found:
    """Clear an instance that has Frame Time, an energy window and a pointer to some attributes."""
    encoding = encoding_of(syntax)
    numbers = {0x00280002: 1, 0x00280010: 1, 0x00280011: 8, 0x00280100: 8, ENERGY_WINDOWS: 1}
    elements: Elements = {
        **{tag: (b"US", struct.pack(encoding.order + "H", number)) for tag, number in numbers.items()},
        0x00080016: (b"UI", sop_class.encode()),
        FRAME_TIME: (b"DS", b"33.3"),
        PRIVATE: (b"LO", b"CANARY"),
        POINTER: (vr, pointer_to(tags, "<" if vr == b"UN" else encoding.order)),
        0x7FE00010: (b"OB", bytes(8)),
    }
    data = file_meta(sop_class, SOP_INSTANCE.decode(), syntax) + encode(identity() | elements, encoding)
    return found_in(clear_in_memory(opened(data), route_of(profile)))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("sop_class", [SLIDE, SECONDARY_CAPTURE])
def test_a_pointer_that_the_object_has_no_use_for_goes(sop_class: str, syntax: str) -> None:
    found = pointing(sop_class, ENERGY_WINDOWS, syntax=syntax)

    assert (POINTER,) not in found
    assert (ENERGY_WINDOWS,) not in found


@pytest.mark.parametrize("vr", [b"AT", b"UN"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_pointer_to_what_stays_is_left_as_it_is(syntax: str, vr: bytes) -> None:
    found = pointing(ULTRASOUND, FRAME_TIME, syntax=syntax, vr=vr)

    order = "<" if vr == b"UN" else encoding_of(syntax).order
    assert value_at(found, POINTER) == pointer_to((FRAME_TIME,), order)
    assert value_at(found, FRAME_TIME) == b"33.3"


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "tags",
    [
        (ENERGY_WINDOWS,),
        (FRAME_TIME, ENERGY_WINDOWS),
        (FRAME_TIME_VECTOR,),
        (PRIVATE,),
        (0x43414E41, 0x52592020),
    ],
    ids=["goes", "one goes", "never was there", "private", "text"],
)
def test_a_pointer_to_what_does_not_stay_keeps_the_instance_in(tags: tuple[int, ...], syntax: str) -> None:
    with pytest.raises(RefusedError, match="frames differ by an attribute that does not stay") as raised:
        pointing(ULTRASOUND, *tags, syntax=syntax)

    assert raised.value.tag == POINTER


def test_a_pointer_without_a_value_stays_empty() -> None:
    assert value_at(pointing(ULTRASOUND), POINTER) == b""


def test_an_override_may_take_the_pointer_away(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'extends = "basic"\n[[override]]\nkeyword = "FrameIncrementPointer"\naction = "X"\nreason = "why not"\n'
    )

    assert (POINTER,) not in pointing(ANGIOGRAPHY, ENERGY_WINDOWS, profile=str(profile))


def small_files(corpus: Path) -> list[Path]:
    folders = (corpus / "dicom/other/pydicom-data", corpus / "dicom/wsi")
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if path.stat().st_size < LARGEST and path.name not in UNREADABLE]


@pytest.mark.peer
def test_no_file_of_others_gets_an_error_that_it_did_not_have(corpus: Path, tmp_path: Path) -> None:
    route, after = route_of("research-wsi"), tmp_path / "after.dcm"
    cleared = 0
    new: dict[str, set[str]] = {}
    for path in small_files(corpus):
        try:
            after.write_bytes(clear_in_memory(opened(path.read_bytes()), route))
        except InstanceError:
            continue
        cleared += 1
        if found := errors(after) - errors(path):
            new[path.name] = found

    assert new == {}
    assert cleared > 60
