"""Windows of a large picture: all of it, and nothing cut that is smaller than what they share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dicomanon.pixels.box import Box
from dicomanon.pixels.find.windows import LARGEST, OVERLAP, _spans, windows_of


@given(size=st.integers(1, 60_000))
def test_spans_cover_a_side_and_share_enough_with_the_next(size: int) -> None:
    spans = list(_spans(size))

    assert spans[0][0] == 0
    assert spans[-1][1] == size
    assert all(0 < end - start <= LARGEST for start, end in spans)
    assert all(spans[at][1] - spans[at + 1][0] >= OVERLAP for at in range(len(spans) - 1))
    assert all(spans[at][0] < spans[at + 1][0] for at in range(len(spans) - 1))


@given(size=st.integers(1, 20_000), start=st.integers(0, 20_000), length=st.integers(1, OVERLAP))
def test_what_is_no_longer_than_the_overlap_is_whole_in_one_span(size: int, start: int, length: int) -> None:
    end = min(start + length, size)
    if start < end:
        assert any(first <= start and end <= last for first, last in _spans(size))


@given(columns=st.integers(1, 9000), rows=st.integers(1, 9000))
def test_windows_of_a_picture_lie_in_it_and_reach_its_corners(columns: int, rows: int) -> None:
    windows = list(windows_of(columns, rows))

    assert all(window.within(columns, rows) == window for window in windows)
    assert windows[0].left == windows[0].top == 0
    assert (windows[-1].right, windows[-1].bottom) == (columns, rows)
    assert len(set(windows)) == len(windows) == len(list(_spans(columns))) * len(list(_spans(rows)))


def test_a_picture_that_is_not_large_is_one_window() -> None:
    assert list(windows_of(LARGEST, LARGEST)) == [Box(0, 0, LARGEST, LARGEST)]
    assert list(windows_of(1, 1)) == [Box(0, 0, 1, 1)]
    assert len(list(windows_of(LARGEST + 1, 5))) == 2
