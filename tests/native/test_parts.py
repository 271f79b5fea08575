"""The parts by themselves: dates, ranges, patches, blanks."""

from __future__ import annotations

import base64

import imagecodecs
import numpy as np
import pytest

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.native.blank import blank_base64, blank_stream, is_picture
from dicomanon.native.copy import WINDOW, Patch, copied, patches_in_order
from dicomanon.native.dates import no_date
from dicomanon.native.fields import overwritten
from dicomanon.native.ranges import data_ranges, ranges, together, without
from dicomanon.native.values import identifying_values
from dicomanon.sources import Field
from dicomanon.sources._bytes import open_bytes

DATES = {
    b"12/29/09": b"01/01/00",
    b"03/07/2026": b"01/01/1900",
    b"2026:03:07 10:11:12": b"1900:01:01 00:00:00",
    b"2026-03-07T10:11:12.123Z": b"1900-01-01T00:00:00.000Z",
    b"20260301141635.000000": b"19000101000000.000000",
    b"&quot;20260101&quot;": b"&quot;19000101&quot;",
    b"03/27/2026 02:52:17 PM": b"01/01/1900 00:00:00 AM",
    b"2011/05/23": b"1900/01/01",
    b"7/3/2026 9:08:07": b"1/1/1900 0:00:00",
    b"27-Mar-2026": b"00-Jan-1900",
    b"Feb 1 2020": b"Jan 0 1900",
    b"16:02:37": b"00:00:00",
    b"Anna 12.03.1980": b"XXXX 01.01.1900",
    b"100912": b"000000",
    b"": b"",
}


@pytest.mark.parametrize("text", DATES)
def test_a_date_becomes_one_of_nobody_in_its_own_layout(text: bytes) -> None:
    assert no_date(text) == DATES[text]
    assert no_date(DATES[text]) == DATES[text] or b"PM" in text


def test_a_value_is_overwritten_at_equal_length_and_utf_16_stays_so() -> None:
    assert overwritten(b"Anna-1", "X") == b"XXXXXX"
    assert overwritten(b"Anna-1", "0") == b"000000"
    assert overwritten(b"Anna-1", "space") == b"      "
    assert overwritten(b"Anna-1", "keep") == b"Anna-1"
    assert overwritten(b"A\0n\0", "X") == b"X\0X\0"
    assert overwritten("Zoë".encode(), "unheard of") == b"XXXX"


def test_ranges_that_overlap_are_refused_and_the_same_tile_twice_is_not() -> None:
    starts, counts = np.array([10, 30, 10]), np.array([5, 5, 5])

    found = data_ranges([(starts, counts, 1)], "tiles")

    assert list(found) == [(10, 15, 1), (30, 35, 1)]
    assert found.total == 10
    with pytest.raises(CorruptSlideError):
        data_ranges([(np.array([10, 12]), counts[:2], 1)], "tiles")
    with pytest.raises(CorruptSlideError):
        together(found, ranges([(14, 20)]))
    assert list(without(ranges([(0, 100)]), found)) == [(0, 10, 0), (15, 30, 0), (35, 100, 0)]


def test_patches_in_one_place_must_agree() -> None:
    assert patches_in_order([Patch(5, b"abc"), Patch(5, b"abc"), Patch(7, b"cd")]) == (
        Patch(5, b"abc"),
        Patch(8, b"d"),
    )
    with pytest.raises(CorruptSlideError):
        patches_in_order([Patch(5, b"abc"), Patch(6, b"x")])


def test_what_is_not_kept_is_zeros_and_patches_reach_over_windows(tmp_path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    size = 3 * WINDOW
    (tmp_path / "a").write_bytes(b"a" * size)
    source = open_bytes(tmp_path / "a")
    kept = ranges([(10, 20), (100, 2 * WINDOW + 50)])
    patches = (
        Patch(15, b"xyz"),
        Patch(WINDOW + 99, b"qrs"),
        Patch(2 * WINDOW + 48, b"0123456"),
        Patch(size - 2, b"!!"),
    )
    out = bytearray()

    copied(source, kept, patches, size, out.extend)
    source.close()

    wanted = bytearray(size)
    wanted[10:20] = b"a" * 10
    wanted[100 : 2 * WINDOW + 50] = b"a" * (2 * WINDOW - 50)
    for each in patches:
        wanted[each.offset : each.stop] = each.data
    assert out == wanted


def test_a_picture_in_base64_becomes_a_white_one_of_equal_length() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (100, 100, 3), np.uint8)
    packed = base64.encodebytes(bytes(imagecodecs.jpeg8_encode(noise)))

    white = blank_base64(packed)

    assert is_picture(packed)
    assert len(white) == len(packed)
    assert [at for at, byte in enumerate(white) if byte == 10] == [
        at for at, byte in enumerate(packed) if byte == 10
    ]
    assert (imagecodecs.jpeg8_decode(base64.b64decode(white)) == 255).all()
    assert not is_picture(b"UzI2LTg5MTU3LUExLUhFfE1STjMxODgxMzF8MTk2MzAzMTE=")
    assert base64.b64decode(blank_base64(b"/9j/" * 40), validate=True)


def test_white_is_white_in_every_compression_and_unknown_ones_are_refused() -> None:
    shape = (16, 40, 3)
    assert blank_stream(1, shape) == b"\xff" * 1920
    assert bytes(imagecodecs.lzw_decode(blank_stream(5, shape))) == b"\xff" * 1920
    assert (imagecodecs.jpeg8_decode(blank_stream(7, shape, photometric=6)) == 255).all()
    assert bytes(imagecodecs.packbits_decode(blank_stream(32773, shape))) == b"\xff" * 1920
    assert blank_stream(1, (2, 2, 1), photometric=0) == bytes(4)
    for unknown in (50000, 34712, 4):
        with pytest.raises(SlideError):
            blank_stream(unknown, shape)
    with pytest.raises(SlideError):
        blank_stream(5, shape, predictor=3)


def test_values_that_say_nothing_are_not_looked_for() -> None:
    fields = [
        Field("ImageDescription/Title", "S26-77001", 10, 9),
        Field("ImageDescription/User", "XXXXXXXX", 30, 8),
        Field("ImageDescription/Rack", "000000", 40, 6),
        Field("ImageDescription/Slide", "3", 50, 1),
        Field("ImageDescription/Filename", "DOE, JANE S26-88001", 60, 19),
        Field("ImageDescription/DSR ID", "GT450", 90, 5),
        Field("ImageDescription", "Aperio Leica Biosystems GT450", 100, 29),
        Field("ImageDescription/Parmset", "Biosystems", 140, 10),
        Field("tag 65000", "1 2 3 4 5 6", 150, 24),
    ]

    found = identifying_values("aperio", fields, ("slide-0815",), {("", 150)}).texts

    assert found == {"S26-77001", "DOE, JANE S26-88001", "S26-88001", "slide-0815"}
