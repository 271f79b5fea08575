"""Lines of an INI file with the bytes that their values take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION = re.compile(rb"\s*\[([^\]\r\n]{1,128})\]\s*")
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line; `key` is empty where it has none. `start` and `stop` are the bytes of the value in the file."""

    section: str
    key: str
    value: str
    start: int
    stop: int


def ini_lines(raw: bytes) -> Iterator[Line]:
    """Yield every line that says something, the headers of sections left out."""
    section = ""
    at = len(_MARK) if raw.startswith(_MARK) else 0
    for line in raw[at:].splitlines(keepends=True):
        match = _SECTION.fullmatch(line)
        key, equals, value = line.partition(b"=")
        if match:
            section = _text(match[1])
        elif equals and key.strip():
            start = at + len(line) - len(value.lstrip())
            stop = max(start, at + len(line.rstrip()))
            yield Line(section, _text(key.strip()), _text(raw[start:stop]), start, stop)
        elif line.strip():
            start, stop = at + len(line) - len(line.lstrip()), at + len(line.rstrip())
            yield Line(section, "", _text(raw[start:stop]), start, stop)
        at += len(line)


def _text(raw: bytes) -> str:
    """Return bytes as text: UTF-8, else Latin-1, which fits anything."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
