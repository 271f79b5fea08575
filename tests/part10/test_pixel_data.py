"""Pixel Data in each of its forms, what stands behind it, and streams larger than memory or a file should be."""

from __future__ import annotations

import io
import itertools
import struct
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_fragments

from dicomanon.errors import MalformedError
from dicomanon.part10.read import read_instance
from dicomanon.part10.readers import ChunkReader
from dicomanon.pipeline import Quarantined, write
from tests.part10.building import (
    BIG,
    CANARY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    PARAMETRIC_MAP_CLASS,
    RLE,
    UNDEFINED,
    Coding,
    a_route,
    cleared,
    encapsulated,
    file_of,
    group_two,
    native,
    sent,
    sized,
    slide_elements,
    slide_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.part10.readers import Buffer
    from dicomanon.pipeline import Route

SCAN = bytes(range(0, 250, 2)) * 3
HEAD = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x04\0\x06\1\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0"
FRAMES = tuple(HEAD + SCAN[: 40 + 2 * n] + b"\xff\xd9" + b"\0" for n in range(1, 8))
EXTENDED_OFFSETS, EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002


def _basic_table() -> bytes:
    offsets = [0, *itertools.accumulate(len(frame) + 8 for frame in FRAMES)][:-1]
    return struct.pack(f"<{len(offsets)}I", *offsets)


def _value(data: bytes) -> bytes:
    """Return Pixel Data from its tag on."""
    return data[data.index(b"\xe0\x7f\x10\0") :]


@pytest.mark.parametrize("table", [b"", _basic_table()], ids=["empty table", "offset table"])
def test_fragments_and_offset_table_leave_bit_for_bit(table: bytes, route: Route, tmp_path: Path) -> None:
    data = slide_file(JPEG, pixels=encapsulated(*FRAMES, table=table))

    written = cleared(data, route, tmp_path / "out")

    assert _value(written) == _value(data)
    fragments = list(generate_fragments(dcmread(io.BytesIO(written)).PixelData))
    assert fragments[-len(FRAMES) :] == list(FRAMES)


def test_an_extended_offset_table_still_fits_its_fragments(route: Route, tmp_path: Path) -> None:
    coding = Coding(JPEG)
    offsets = [0, *itertools.accumulate(len(frame) + 8 for frame in FRAMES)][:-1]
    more = {
        EXTENDED_OFFSETS: coding.element(EXTENDED_OFFSETS, b"OV", struct.pack(f"<{len(FRAMES)}Q", *offsets)),
        EXTENDED_LENGTHS: coding.element(
            EXTENDED_LENGTHS, b"OV", struct.pack(f"<{len(FRAMES)}Q", *map(len, FRAMES))
        ),
    }

    written = cleared(slide_file(JPEG, more, pixels=encapsulated(*FRAMES)), route, tmp_path / "out")

    assert more[EXTENDED_OFFSETS] + more[EXTENDED_LENGTHS] + encapsulated(*FRAMES) in written


@pytest.mark.parametrize("vr", [b"OB", b"OW"])
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_native_pixel_data_leaves_bit_for_bit(syntax: str, vr: bytes, route: Route, tmp_path: Path) -> None:
    value = bytes(range(256)) * 5000  # more than one window
    coding = Coding(syntax)
    data = slide_file(syntax, sized(coding, len(value)), pixels=native(coding, value, vr))

    written = cleared(data, route, tmp_path / "out")

    assert dcmread(io.BytesIO(written)).PixelData == value


def test_empty_pixel_data_is_no_error(route: Route, tmp_path: Path) -> None:
    assert cleared(slide_file(EXPLICIT, pixels=native(Coding(EXPLICIT), b"")), route, tmp_path / "out")
    assert cleared(slide_file(JPEG, pixels=encapsulated()), route, tmp_path / "out")


@pytest.mark.parametrize(
    ("tag", "vr", "keyword"), [(0x7FE00008, b"OF", "Float"), (0x7FE00009, b"OD", "DoubleFloat")]
)
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_float_and_double_float_pixel_data_leave_bit_for_bit(
    syntax: str, tag: int, vr: bytes, keyword: str, route: Route, tmp_path: Path
) -> None:
    coding = Coding(syntax)
    value = struct.pack(coding.order + ("24f" if vr == b"OF" else "24d"), *range(24))
    more = {0x00080016: coding.element(0x00080016, b"UI", PARAMETRIC_MAP_CLASS)}
    elements = b"".join(value for _, value in sorted((slide_elements(coding) | more).items()))
    meta = Coding(EXPLICIT).element(0x00020010, b"UI", syntax)

    written = cleared(
        file_of(syntax, elements + native(coding, value, vr, tag), meta=meta), route, tmp_path / "out"
    )

    assert dcmread(io.BytesIO(written))[f"{keyword}PixelData"].value == value
    assert CANARY not in written


def test_a_slide_that_ends_before_its_pixel_data_is_refused(route: Route, tmp_path: Path) -> None:
    outcome = sent(slide_file(EXPLICIT, pixels=b""), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert (outcome.reason, outcome.message) == ("malformed", "Pixel Data is missing at (7FE0,0010)")


def _behind(coding: Coding) -> bytes:
    """Encode what must not leave, as it may stand behind Pixel Data."""
    signature = coding.element(0x04000110, b"CS", "X509_1993_SIG") + coding.element(0x04000115, b"OB", CANARY)
    return b"".join(
        (
            coding.element(0x7FE10010, b"LO", CANARY),
            coding.element(0x7FE11001, b"UT", CANARY),
            coding.sequence(0xFFFAFFFA, [signature], defined=False, defined_items=False),
            coding.element(0xFFFCFFFC, b"OB", CANARY.ljust(64, b"\0")),
        )
    )


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, JPEG])
def test_private_elements_signatures_and_padding_behind_pixel_data_go(
    syntax: str, route: Route, tmp_path: Path
) -> None:
    coding = Coding(syntax)
    pixels = encapsulated(*FRAMES) if syntax == JPEG else native(coding)

    written = cleared(slide_file(syntax, pixels=pixels + _behind(coding)), route, tmp_path / "out")

    assert CANARY not in written
    assert written.endswith(pixels)


@pytest.mark.parametrize("window", [1 << 18, 1 << 20])
@pytest.mark.parametrize("shift", range(-24, 25, 4))
def test_elements_behind_pixel_data_are_found_wherever_the_windows_end(
    shift: int, window: int, route: Route, tmp_path: Path
) -> None:
    fragment = HEAD + bytes(window - len(HEAD) - 16 + shift - 2) + b"\xff\xd9"
    pixels = encapsulated(fragment)

    written = cleared(slide_file(JPEG, pixels=pixels + _behind(Coding(JPEG))), route, tmp_path / "out")

    assert written.endswith(pixels)


@pytest.mark.parametrize("garbage", [b"\0", CANARY, bytes(64), b"\xfe\xff\x00\xe0" + bytes(4)])
def test_bytes_behind_pixel_data_that_are_no_elements_are_refused(
    garbage: bytes, route: Route, tmp_path: Path
) -> None:
    for syntax, pixels in ((EXPLICIT, native(Coding(EXPLICIT))), (JPEG, encapsulated(*FRAMES))):
        outcome = sent(slide_file(syntax, pixels=pixels + garbage), route, tmp_path / "out")
        assert isinstance(outcome, Quarantined)
        assert outcome.reason == "malformed"


def test_a_second_pixel_data_element_is_refused(route: Route, tmp_path: Path) -> None:
    coding = Coding(EXPLICIT)

    outcome = sent(slide_file(EXPLICIT, pixels=native(coding) + native(coding)), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"


@pytest.mark.parametrize(
    ("syntax", "pixels"),
    [
        (EXPLICIT, encapsulated(*FRAMES)),
        (JPEG, native(Coding(JPEG))),
        (EXPLICIT, native(Coding(EXPLICIT), vr=b"UT")),
        (JPEG, encapsulated(*FRAMES, table=b"\0\0\0")),
        (JPEG, encapsulated(*FRAMES)[:-8]),
        (JPEG, encapsulated(*FRAMES)[:-1]),
        (JPEG, encapsulated(*FRAMES)[:-4] + b"\1\0\0\0"),
        (JPEG, encapsulated(*FRAMES)[:-8] + Coding(JPEG).head(0x00100010, b"PN", 0)),
        (JPEG, encapsulated(*FRAMES)[:-8] + b"\xfe\xff\x0d\xe0" + bytes(4)),
        (JPEG, encapsulated()[:12] + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"),
        (EXPLICIT, native(Coding(EXPLICIT))[:-1]),
    ],
    ids=[
        "fragments in a native syntax",
        "native in a fragment syntax",
        "text for pixels",
        "table of three bytes",
        "no delimiter",
        "half a delimiter",
        "delimiter with a length",
        "an element for a fragment",
        "item end for sequence end",
        "fragment of undefined length",
        "one byte missing",
    ],
)
def test_pixel_data_that_does_not_add_up_is_refused(
    syntax: str, pixels: bytes, route: Route, tmp_path: Path
) -> None:
    outcome = sent(slide_file(syntax, pixels=pixels), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"
    assert "offset" in outcome.message


def test_run_length_frames_leave_bit_for_bit(route: Route, tmp_path: Path) -> None:
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + bytes(range(1, 65))
    data = slide_file(RLE, pixels=encapsulated(frame, frame[:64] + frame[:63:-1]))

    assert _value(cleared(data, route, tmp_path / "out")) == _value(data)


class _Counting:
    """Counts what it takes."""

    def __init__(self) -> None:
        self.size = 0
        self.canaries = 0

    def write(self, data: Buffer, /) -> None:
        view = memoryview(data)
        self.size += len(view)
        self.canaries += CANARY in bytes(view[: 1 << 12])


def _made_on_the_fly(count: int, size: int) -> Iterator[Buffer]:
    """Yield a slide of `count` fragments of `size` bytes, each with text in its head, without ever holding two."""
    coding = Coding(JPEG)
    yield (
        bytes(128)
        + b"DICM"
        + group_two(JPEG)
        + b"".join(v for _, v in sorted(slide_elements(coding).items()))
    )
    yield coding.head(0x7FE00010, b"OB", UNDEFINED) + coding.item(b"")
    comment = b"\xff\xfe\0\x0c" + CANARY
    head = HEAD[:2] + comment + HEAD[2:]
    block = memoryview(bytes(1 << 20))
    for _ in range(count):
        yield coding.tag(0xFFFEE000) + struct.pack("<I", size) + head
        left = size - len(head) - 2
        while left:
            yield block[: min(left, len(block))]
            left -= min(left, len(block))
        yield b"\xff\xd9"
    yield coding.tag(0xFFFEE0DD) + bytes(4) + _behind(coding)


def test_more_than_four_gigabytes_of_fragments_pass_in_a_few_megabytes_of_memory() -> None:
    count, size = 65, 1 << 26
    route = a_route()
    sink = _Counting()
    tracemalloc.start()
    try:
        instance = read_instance(ChunkReader(_made_on_the_fly(count, size)))
        deidentified = route.deidentifier(instance)
        write(deidentified, sink)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sink.size > count * (size + 8) > 1 << 32
    assert sink.size - count * (size + 8) < 8192
    assert sink.canaries == 0
    assert peak < 32 << 20


def test_offsets_in_messages_are_right_behind_four_gigabytes() -> None:
    class Short(ChunkReader):
        """Ends inside the last fragment."""

    instance = read_instance(Short(itertools.islice(_made_on_the_fly(65, 1 << 26), 2 + 64 * 66 + 5)))

    with pytest.raises(MalformedError) as raised:
        write(a_route().deidentifier(instance), _Counting())

    assert raised.value.offset is not None
    assert raised.value.offset > 1 << 32
