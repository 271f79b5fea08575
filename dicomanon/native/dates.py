"""A date that is no date of anybody, in the layout of the one that it stands for."""

from __future__ import annotations

import re

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_SHORT = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_TOKEN = re.compile(
    rb"(?P<entity>&(?:quot|amp|lt|gt|apos);)"
    rb"|(?P<compact>(?<!\d)(?:19|20)\d{6}(?:\d{6})?(?!\d))"
    rb"|(?P<iso>(?<!\d)\d{4}(?P<a>[-:/.])\d{1,2}(?P=a)\d{1,2}(?!\d))"
    rb"|(?P<day>(?<!\d)\d{1,2}(?P<b>[-:/.])\d{1,2}(?P=b)(?:\d{4}|\d{2})(?![\d]))"
    rb"|(?P<year>(?<!\d)(?:19|20)\d\d(?!\d))"
    rb"|(?P<month>\b(?:" + f"{_MONTHS}|{_SHORT}".encode() + rb")\b)"
    rb"|(?P<weekday>\b(?:" + _DAYS.encode() + rb")\b)"
    rb"|(?P<word>\b(?:AM|PM|am|pm|GMT|UTC)\b|(?<=\d)[TZ](?![A-Za-z]))"
    rb"|(?P<number>\d+)"
    rb"|(?P<letters>[^\W\d_]+|[\x80-\xff]+)"
)


def no_date(text: bytes) -> bytes:
    """Return 1900-01-01 or 01/01/00 at 00:00:00 in the layout and length of `text`."""
    return _TOKEN.sub(_blank, text)


def _blank(match: re.Match[bytes]) -> bytes:
    found = match[0]
    kind = match.lastgroup if match.lastgroup not in ("a", "b") else ("iso" if match["iso"] else "day")
    if kind == "day" and match["b"] == b":":
        return re.sub(rb"\d", b"0", found)
    blanks = {
        "entity": found,
        "compact": b"19000101000000"[: len(found)],
        "iso": b"",
        "day": b"",
        "year": b"1900",
        "month": b"Jan" if len(found) == 3 else b"January"[: len(found)].ljust(len(found), b"y"),
        "weekday": b"Mon",
        "word": b"AM" if found in (b"AM", b"PM") else found,
        "number": found[:0].rjust(len(found), b"0"),
        "letters": b"X" * len(found),
    }
    if kind == "iso":
        separator = match["a"]
        year, month, day = found.split(separator)
        return separator.join((b"1900", _one(month), _one(day)))
    if kind == "day":
        separator = match["b"]
        first, second, year = found.split(separator)
        return separator.join((_one(first), _one(second), b"1900" if len(year) == 4 else b"00"))
    return blanks[kind or "letters"]


def _one(digits: bytes) -> bytes:
    return b"1".rjust(len(digits), b"0")
