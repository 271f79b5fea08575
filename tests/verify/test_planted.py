"""Verification fails on a planted value: each kind of value, in each place a cleared file has."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import InstanceError
from dicomanon.part10.encoding import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LE,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    pack_element,
)
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import load_profile
from dicomanon.verify import Verifier, WrittenBytes
from tests.verify.made import Elements, encode, file_of, opened, route_of
from tests.verify.planted import ACCENTED, PIXELS, check, cleared, frames, source, with_text

if TYPE_CHECKING:
    from dicomanon.identifying import IdentifyingValues


@pytest.fixture(scope="module")
def clean() -> tuple[bytes, IdentifyingValues, Verifier]:
    return cleared(source())


Clean = tuple[bytes, "IdentifyingValues", Verifier]


def test_a_cleared_file_has_no_finding(clean: Clean) -> None:
    assert check(*clean, name="1.2/3.4/5.6.dcm", deep=True) == []


KINDS = [
    *(
        b"CanarySmith^Mary Ann",
        b"Mary Ann CanarySmith",
        b"CanarySmith, Mary Ann",
        b"Pat. CANARYSMITH, see",
        b"dear Mary Ann!",
    ),
    *(
        b"canarysmith_mary ann",
        b"MRN-7309177",
        b"mrn-7309177 (old)",
        b"S21-73091",
        b"/archive/S21-73091.svs",
        b"STUDY77",
    ),
    *(
        b"1.2.826.0.1.3680043.10.1947.55.1",
        b"urn:oid:1.2.826.0.1.3680043.10.1947.55.2",
        b"Biopsy of the canary's left wing",
    ),
    *(
        b"20210317",
        b"2021-03-17",
        b"2021.03.17",
        b"2021/03/17",
        b"17.03.2021",
        b"17-03-2021",
        b"03/17/2021",
        b"03/17/21",
    ),
    *(
        b"17 Mar 2021",
        b"Mar 17, 2021",
        b"17-MAR-2021",
        b"March 17, 2021",
        b"20210317091733",
        b"born 1948-02-03",
        b"03.02.1948",
    ),
    *(
        ACCENTED.encode(),
        ACCENTED.encode("latin-1"),
        ACCENTED.upper().encode(),
        ACCENTED.lower().encode("latin-1"),
    ),
    *("CanarySmith".encode("utf-16-le"), "CanarySmith".encode("utf-16-be"), ACCENTED.encode("utf-16-le")),
    "S21-73091".encode("utf-16-be"),
]


@pytest.mark.parametrize("text", KINDS)
def test_a_value_in_free_text_is_found(clean: Clean, text: bytes) -> None:
    data, values, verifier = clean

    findings = check(with_text(data, text), values, verifier)

    assert [(each.path, each.check) for each in findings] == [("(0018,1030)", "value")]


@pytest.mark.parametrize(
    "text", [b"CanarySmith^Mary Ann", b"S21-73091", b"1.2.826.0.1.3680043.10.1947.55.1", b"MRN-7309177"]
)
@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00080070, b"LO"), (0x00181020, b"LO"), (0x00100040, b"CS"), (0x00280301, b"CS")]
)
def test_an_identifier_is_found_even_where_a_rule_keeps_the_attribute(
    clean: Clean, tag: int, vr: bytes, text: bytes
) -> None:
    data, values, verifier = clean

    assert check(with_text(data, text, tag, vr), values, verifier)


@pytest.mark.parametrize(
    ("elements", "text"),
    [
        (source(patient=b"MRN 7309112"), b"of 7309112"),
        (source(patient=b"MRN 7309112"), b"MRN7309112"),
        (source(patient=b"A-73091123-B"), b"x73091123"),
        (source(accession=b"S19-730911"), b"S19730911"),
        (source(accession=b"S19-730911"), b"case 730911"),
        *((source(), date) for date in (b"born 03021948", b"480203", b"03.02.48", b"on 3 Feb 48", b"030248")),
        *((source("Müller^Jörg"), name) for name in (b"Joerg Mueller", b"Muller, J.")),
    ],
)
def test_an_ordinary_spelling_of_a_value_is_found(elements: Elements, text: bytes) -> None:
    data, values, verifier = cleared(elements)

    assert check(data, values, verifier) == []
    assert [each.path for each in check(with_text(data, text), values, verifier)] == ["(0018,1030)"]


def test_an_identifier_without_its_zeros_is_found_in_a_number() -> None:
    data, values, verifier = cleared(source(patient=b"0007309112"))

    assert check(with_text(data, b"7309112", 0x00280008, b"IS"), values, verifier)


def test_a_value_in_a_nested_item_is_named_by_its_path(clean: Clean) -> None:
    data, values, verifier = clean
    item: Elements = {0x00400551: (b"LO", b"A"), 0x00400600: (b"LO", b"of CanarySmith")}
    inner = encode({0x00400560: (b"SQ", [item])}, EXPLICIT_LE)
    at = data.index(PIXELS)

    findings = check(data[:at] + inner + data[at:], values, verifier)

    assert [each.path for each in findings] == ["(0040,0560)(0040,0600)"]


def with_bytes(data: bytes, at: int, text: bytes) -> bytes:
    return data[:at] + text + data[at + len(text) :]


def test_a_value_in_the_preamble_is_found(clean: Clean) -> None:
    data, values, verifier = clean

    found = {
        (each.path, each.check) for each in check(with_bytes(data, 0, b"CanarySmith "), values, verifier)
    }

    assert {("preamble", "container"), ("container", "value")} <= found


def test_a_value_in_group_2_is_found(clean: Clean) -> None:
    data, values, verifier = clean
    at = data.index(b"\x02\0\x13\0SH") + 8

    assert {each.path for each in check(with_bytes(data, at, b"CANARYSMITH"), values, verifier)} == {
        "container"
    }

    extra = pack_element(0x00020016, b"AE", b"CANARYSMITH", EXPLICIT_LE)
    end = at + int.from_bytes(data[at - 2 : at], "little")
    found = {each.path for each in check(data[:end] + extra + data[end:], values, verifier)}
    assert {"container", "(0002,0016)"} <= found


def test_a_value_behind_the_pixels_is_found(clean: Clean) -> None:
    data, values, verifier = clean
    words = pack_element(0x7FE10010, b"LO", b"of CanarySmith", EXPLICIT_LE)

    assert {(each.path, each.check) for each in check(data + words, values, verifier)} == {
        ("trailer", "value"),
        ("(7FE1,0010)", "private"),
    }


def test_a_value_in_the_offset_table_is_found(clean: Clean) -> None:
    data, values, verifier = clean
    at = data.index(PIXELS) + 12
    planted = data[: at + 4] + (24).to_bytes(4, "little") + b" CanarySmith^Mary Ann   " + data[at + 16 :]

    assert {each.path for each in check(planted, values, verifier)} == {"offset table"}


def test_a_value_in_the_file_name_is_found(clean: Clean) -> None:
    assert [each.path for each in check(*clean, name="2.25.1/CanarySmith/2.25.2.dcm")] == ["file name"]


@pytest.mark.parametrize("marker", [0xFE, 0xE1, 0xED, 0xE0])
def test_text_in_the_head_of_a_frame_is_found(clean: Clean, marker: int) -> None:
    data, values, verifier = clean
    planted = data[: data.index(PIXELS)] + frames((marker, b"Exif\0\0of CanarySmith"))

    (finding,) = check(planted, values, verifier)
    assert finding.path == "pixel data"
    assert "carries text" in finding.expected
    assert "Canary" not in finding.expected


def test_a_value_deep_inside_a_scan_is_found_by_a_deep_search_alone(clean: Clean) -> None:
    data, values, verifier = clean
    planted = data[: data.index(PIXELS)] + frames(tail=b" CanarySmith ")

    assert check(planted, values, verifier) == []
    findings = check(planted, values, verifier, deep=True)
    assert {each.path for each in findings} == {"pixel data"}
    assert len(findings) == 2


def native(data_set: Elements, syntax: str, pixels: bytes, trailer: bytes = b"") -> tuple[bytes, bytes]:
    """Return a native file as it is, and cleared."""
    elements = data_set | {0x7FE00010: (b"OW", pixels)}
    for tag in (0x00280002, 0x00280010, 0x00280011, 0x00280100):
        elements.pop(tag, None)  # the file describes the pixels it gets
    plain = file_of(elements, syntax)
    if syntax == DEFLATED:
        plain = deflated(elements)
    return plain, clear_in_memory(opened(plain + trailer), route_of())


def deflated(elements: Elements, extra: bytes = b"") -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    whole = file_of(elements, DEFLATED)
    at = 144 + int.from_bytes(whole[140:144], "little")
    stream = engine.compress(whole[at:] + extra) + engine.flush()
    return whole[:at] + stream + b"\0" * (len(stream) % 2)


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED])
def test_values_in_native_pixels_are_found_by_a_deep_search_in_every_syntax(syntax: str) -> None:
    plain, done = native(source(), syntax, b"\7\1" * 4000 + b" CanarySmith^Mary Ann " + b"\7\1" * 4000)
    values = route_of().deidentifier(opened(plain)).values
    verifier = Verifier(load_profile("basic"))

    assert check(done, values, verifier) == []
    assert {each.path for each in check(done, values, verifier, deep=True)} == {"pixel data"}


def test_a_value_behind_deflated_pixels_is_found() -> None:
    plain, done = native(source(), DEFLATED, bytes(8000))
    values = route_of().deidentifier(opened(plain)).values
    verifier = Verifier(load_profile("basic"))
    header = opened(done).header
    pixels = pack_element(0x7FE00010, b"OW", bytes(8000), EXPLICIT_LE)
    words = pack_element(0x7FE10010, b"LO", b"of CanarySmith", EXPLICIT_LE)
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    stream = engine.compress(header + pixels + words) + engine.flush()
    meta = opened(done).meta.residue

    found = check(meta + stream + b"\0" * (len(stream) % 2), values, verifier)

    assert {(each.path, each.check) for each in found} == {("trailer", "value"), ("(7FE1,0010)", "private")}


@pytest.mark.parametrize(
    ("tag", "vr", "check_name"),
    [
        (0x00091001, b"LO", "private"),
        (0x00041130, b"CS", "group"),
        (0x04000561, b"SQ", "structure"),
    ],
)
def test_what_must_never_leave_is_a_finding_without_any_value(
    clean: Clean, tag: int, vr: bytes, check_name: str
) -> None:
    data, values, verifier = clean
    at = data.index(PIXELS) - len(opened(data).header)
    element = pack_element(tag, vr, b"", EXPLICIT_LE)

    assert check_name in {each.check for each in check(data[:at] + element + data[at:], values, verifier)}


def test_a_file_without_its_flags_is_a_finding(clean: Clean) -> None:
    data, values, verifier = clean
    at = data.index(b"\x12\0\x62\0CS")

    findings = check(data[:at] + data[at + 12 :], values, verifier)
    assert ("(0012,0062)", "flags") in {(each.path, each.check) for each in findings}
    no = data[: at + 8] + b"NO  " + data[at + 12 :]
    assert ("(0012,0062)", "flags") in {(each.path, each.check) for each in check(no, values, verifier)}


@pytest.mark.parametrize("cut", [-8, -9, -2000])
def test_pixels_cut_short_are_a_finding(clean: Clean, cut: int) -> None:
    data, values, verifier = clean

    (finding,) = check(data[:cut], values, verifier)
    assert (finding.path, finding.check) == ("pixel data", "code stream")


@pytest.mark.parametrize("cut", [140, 400])
def test_a_header_cut_short_is_an_error(clean: Clean, cut: int) -> None:
    data, values, verifier = clean

    with pytest.raises(InstanceError):
        check(data[:cut], values, verifier)


def test_a_search_never_reads_more_than_a_window_at_once(clean: Clean) -> None:
    data, values, verifier = clean
    sizes = []

    class Watched(WrittenBytes):
        def read_at(self, size: int, at: int) -> bytes:
            sizes.append(size)
            return super().read_at(size, at)

    verifier.check(Watched(data), values, deep=True)

    assert max(sizes) <= 1 << 20
