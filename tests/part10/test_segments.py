"""A marker segment is as long as what it declares: behind that is room for text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import MalformedError
from dicomanon.pipeline import Quarantined
from tests.part10.building import CANARY, JPEG, encapsulated, sent, slide_file
from tests.part10.frames import COMMENT, TEXT, jpeg, jpeg_2000, jpeg_ls, passed, segment

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.pipeline import Route

Make = Callable[..., bytes]

QUANTIZATION = b"\3" + bytes(range(64))
WIDE_QUANTIZATION = b"\x11" + bytes(range(128))
HUFFMAN = b"\x11\0\3" + bytes(14) + b"\1\2\3"
CODING = b"\0\0\0\1\0\5\4\4\0\0"
WHOLE = {
    "DQT": (0xDB, QUANTIZATION),
    "DQT of two": (0xDB, QUANTIZATION + WIDE_QUANTIZATION),
    "DHT": (0xC4, HUFFMAN),
    "DHT of two": (0xC4, HUFFMAN + b"\0" + HUFFMAN[1:]),
    "DAC": (0xCC, b"\0\1\x10\5"),
    "DNL": (0xDC, b"\0\x10"),
    "DRI": (0xDD, b"\0\4"),
    "DHP": (0xDE, b"\x08\0\x10\0\x10\1\1\x11\0"),
    "EXP": (0xDF, b"\x11"),
    "SOF": (0xC0, b"\x08\0\x10\0\x10\3\1\x11\0\2\x11\0\3\x11\0"),
    "SOF of JPEG-LS": (0xF7, b"\x08\0\x10\0\x10\1\1\x11\0"),
    "SOS": (0xDA, b"\1\1\0\0\x3f\0"),
}
WHOLE_2000 = {
    "COD": (0x52, CODING),
    "COD with precincts": (0x52, b"\1" + CODING[1:] + b"\x88" * 6),
    "SIZ": (0x51, bytes(34) + b"\0\2\7\1\1\7\1\1"),
    "SOT": (0x90, b"\0\0\0\0\0\0\0\1"),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("make", [jpeg, jpeg_ls])
def test_segments_that_end_with_what_they_declare_stay(name: str, make: Make) -> None:
    frame = make(segment(*WHOLE[name]))

    assert passed(frame) == [frame]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("make", [jpeg, jpeg_ls])
@pytest.mark.parametrize("more", [TEXT[:20], TEXT[:65], TEXT * 4, b"J\0\0", b"\0\0\0"])
def test_a_segment_with_more_behind_what_it_declares_is_refused(name: str, make: Make, more: bytes) -> None:
    marker, value = WHOLE[name]

    with pytest.raises(MalformedError, match=f"segment FF{marker:02X} is not as long as") as raised:
        passed(jpeg(segment(COMMENT, TEXT)), make(segment(marker, value + more)))

    assert "fragment 2" in str(raised.value)
    assert raised.value.offset
    assert CANARY.decode() not in str(raised.value)


@pytest.mark.parametrize("name", [name for name in WHOLE if "two" not in name])
def test_a_segment_that_ends_before_what_it_declares_is_refused(name: str) -> None:
    marker, value = WHOLE[name]
    for size in range(1, len(value)):
        if marker != 0xCC or size % 2:  # half of its tables are tables
            with pytest.raises(MalformedError, match="not as long as"):
                passed(jpeg(segment(marker, value[:size])))


@pytest.mark.parametrize("name", WHOLE_2000)
def test_segments_of_jpeg_2000_end_with_what_they_declare(name: str) -> None:
    marker, value = WHOLE_2000[name]
    frame = jpeg_2000(segment(marker, value))

    assert passed(frame) == [frame]
    for wrong in (value + TEXT, value + b"J", value[:-1], b""):
        with pytest.raises(MalformedError, match=f"segment FF{marker:02X} is not as long as"):
            passed(jpeg_2000(segment(marker, wrong)))


def test_a_file_with_text_behind_a_table_is_quarantined(route: Route, tmp_path: Path) -> None:
    frame = jpeg(segment(0xDB, QUANTIZATION + TEXT[:20]))

    outcome = sent(slide_file(JPEG, pixels=encapsulated(frame)), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"
    assert "FFDB" in outcome.message
