"""Frame heads wherever they lie: over window borders, long, many, split, broken."""

from __future__ import annotations

import pytest

from dicomanon.errors import MalformedError
from dicomanon.part10.body import WINDOW
from dicomanon.part10.codestream import MAX_HEAD, HeadCutShortError, HeadScrubber, text_in_head
from tests.part10.building import (
    CANARY,
)
from tests.part10.frames import (
    COMMENT,
    SCAN,
    SCAN_HEAD,
    TABLES,
    TEXT,
    jpeg,
    passed,
    segment,
)


@pytest.mark.parametrize("step", [1, 7, 4096, 65_537])
def test_text_goes_however_the_bytes_arrive(step: int) -> None:
    frames = [jpeg(segment(COMMENT, b"%d " % n + TEXT), scan=SCAN[: 500 + n]) for n in range(5)]

    after = passed(*frames, step=step)

    assert after == passed(*frames)
    assert not any(CANARY in frame for frame in after)


@pytest.mark.parametrize("border", [WINDOW, 2 * WINDOW, WINDOW + MAX_HEAD])
@pytest.mark.parametrize("shift", [-9000, -4097, -200, -60, -30, -17, -9, -8, -7, -4, -1, 0, 1, 8])
def test_text_goes_from_a_head_that_straddles_a_window(shift: int, border: int) -> None:
    second = jpeg(segment(COMMENT, TEXT), segment(0xE1, b"Exif\0\0" + TEXT * 200))
    # 8 bytes for the empty table and 8 for the item of the first fragment lie in front of its frame.
    first = jpeg(scan=bytes(border + shift - 16 - len(jpeg(scan=b"")) - 8))

    after = passed(first, second, second)

    assert after[0] == first
    assert after[1] == after[2]
    assert CANARY not in after[1]
    assert after[1].endswith(second[second.index(TABLES) :])


@pytest.mark.parametrize("segments", [1, 3, 12])
def test_text_goes_from_heads_longer_than_what_is_looked_at_first(segments: int) -> None:
    long = [segment(0xE1, b"Exif\0\0" + TEXT * 1500) for _ in range(segments)]
    frame = jpeg(*long, scan=SCAN * 200)

    for step in (1 << 30, 60_000):
        after = passed(jpeg(), frame, frame, jpeg(), step=step)
        assert not any(CANARY in each for each in after)
        assert after[1].endswith(frame[frame.index(TABLES) :])


def test_a_head_longer_than_the_limit_is_refused() -> None:
    frame = jpeg(*[segment(0xE1, TEXT * 1500) for _ in range(1 + MAX_HEAD // (1500 * len(TEXT)))] * 2)

    with pytest.raises(MalformedError, match="no end to its head"):
        passed(frame, step=1 << 16)


def test_hundreds_of_different_heads_are_all_overwritten() -> None:
    frames = [jpeg(segment(COMMENT, b"%05d " % n + TEXT), scan=SCAN[:64]) for n in range(400)]

    after = passed(*frames, *frames[:50])

    assert not any(CANARY in frame for frame in after)
    assert not any(b"%05d" % n in frame for n, frame in enumerate(after[:400]))


def test_a_head_that_begins_as_another_one_is_not_taken_for_it() -> None:
    plain = jpeg()
    longer = plain[: plain.index(SCAN_HEAD)] + segment(COMMENT, TEXT) + plain[plain.index(SCAN_HEAD) :]

    for frames in ((plain, longer), (longer, plain), (longer, longer, plain, longer)):
        after = passed(*frames)
        assert not any(CANARY in frame for frame in after)
        assert [each.endswith(SCAN_HEAD + SCAN + b"\xff\xd9") for each in map(_stripped, after)]


def _stripped(frame: bytes) -> bytes:
    return frame.rstrip(b"\0")


@pytest.mark.parametrize("cut", [2, 3, 4, 10, 40, 90, 132])
def test_a_head_split_over_two_fragments_is_refused(cut: int) -> None:
    frame = jpeg(segment(COMMENT, TEXT))
    cut += cut % 2

    with pytest.raises(MalformedError, match="fragment 1: no end to its head"):
        passed(frame[:cut], frame[cut:])


def test_a_frame_in_several_fragments_with_a_whole_head_leaves_bit_for_bit() -> None:
    frame = jpeg(segment(COMMENT, TEXT))
    cut = frame.index(SCAN) + 100 & ~1

    first, second = passed(frame[:cut], frame[cut:])

    assert CANARY not in first
    assert second == frame[cut:]
    assert (first + second)[frame.index(TABLES) :] == frame[frame.index(TABLES) :]


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xd8" + bytes(8),
        b"\xff\xd8\0\0" + bytes(8),
        b"\xff\xd8\xff\xfe\0\0" + bytes(8),
        b"\xff\xd8\xff\xfe\0\1" + bytes(8),
        b"\xff\xd8\xff\xfe\xff\xff" + bytes(64),
        b"\xff\xd8" + b"\xff" * 64,
        b"\xff\xd8\xff\xda\0\2",
        b"\xff\x4f\xff\x51\0\0" + bytes(8),
        b"\xff\x4f\xff\x51\0\4\0\0" + bytes(8),
    ],
    ids=[
        "no scan",
        "two starts",
        "no marker",
        "length 0",
        "length 1",
        "too long",
        "only fill",
        "empty scan",
        "length 0 in 2000",
        "no marker in 2000",
    ],
)
def test_broken_heads_are_refused_with_the_number_of_their_fragment(frame: bytes) -> None:
    with pytest.raises(MalformedError, match="fragment 2") as raised:
        passed(jpeg(), frame)

    assert raised.value.offset == 8 + 8 + len(jpeg())


def test_a_fragment_that_goes_on_with_a_frame_is_left_alone() -> None:
    begun, fragment = jpeg().rstrip(b"\0")[:-2], bytes(64) + SCAN[:100] + b"\xff\xd9"

    assert passed(begun, fragment) == [begun, fragment]
    assert HeadScrubber().scrub(bytearray(fragment), 0, len(fragment)) == 0


def test_the_head_ends_behind_the_start_of_scan() -> None:
    frame = jpeg(segment(COMMENT, TEXT))

    cuts, end = text_in_head(frame, 0, len(frame))

    assert [frame[start:stop] for start, stop in cuts] == [TEXT]
    assert frame[end:].startswith(SCAN)
    for stop in range(2, end):
        with pytest.raises(HeadCutShortError):
            text_in_head(frame, 0, stop)


@pytest.mark.parametrize("step", [1 << 30, 60_000, 4099])
@pytest.mark.parametrize("first", [500, WINDOW - 700, WINDOW + 3, 2 * WINDOW])
@pytest.mark.parametrize("second", [6000, WINDOW + 10])
def test_a_second_picture_behind_the_first_is_refused(step: int, first: int, second: int) -> None:
    """As cameras write them: the whole preview follows the end of the picture, in the same frame."""
    frame = jpeg(scan=b"\1" * first) + jpeg(segment(COMMENT, TEXT), scan=b"\2" * second)

    with pytest.raises(MalformedError, match="fragment 2: bytes follow the end of a frame"):
        passed(jpeg(), frame, step=step)


@pytest.mark.parametrize("border", range(WINDOW - 4120, WINDOW - 4080))
def test_the_end_of_a_frame_may_lie_anywhere_in_a_window(border: int) -> None:
    """A frame, its end, and zeros to the end of the fragment; then the same with one byte of text far behind."""
    frame = jpeg(scan=b"\1" * (border - 300)) + bytes(9000)

    assert passed(frame) == [frame]
    with pytest.raises(MalformedError, match="bytes follow the end of a frame"):
        passed(frame[:-2] + b"x\0")


def test_what_only_looks_like_an_end_in_a_table_is_none() -> None:
    frame = jpeg(segment(0xDB, b"\0" + b"\xff\xd9" * 32), scan=SCAN)

    assert passed(frame, frame, jpeg()) == [frame, frame, jpeg()]


def test_a_frame_in_several_fragments_is_searched_to_its_end() -> None:
    whole = jpeg(scan=b"\1" * 20_000)
    parts = [whole[:5000], whole[5000:9000], whole[9000:]]

    assert passed(*parts, jpeg()) == [*parts, jpeg()]
    with pytest.raises(MalformedError, match="bytes follow the end of a frame"):
        passed(parts[0], b"\xff\xd9" + parts[1][2:], parts[2])
