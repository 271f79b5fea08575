"""A second opinion on the copy, by its bytes: no value of the original, no stretch of a picture that was destroyed.

It does not ask what was planned: it looks everywhere.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from dicomanon.errors import LeakError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dicomanon.native.shingles import Anchors
    from dicomanon.sources._bytes import FileBytes

WINDOW = 1 << 20
_CONTROL = b"control#native#5be1c07d"
_DIGITS = frozenset(b"0123456789")
_SHORT_NUMBER = 10
_SHORTEST_BASE64 = 9
_MOST_HITS = 1 << 16


@dataclass(frozen=True, slots=True)
class Forms:
    """Byte strings to look for; `exact` are those in which the case of letters matters."""

    loose: tuple[bytes, ...]
    exact: tuple[bytes, ...]


def forms_of(texts: Iterable[str]) -> Forms:
    """Return the forms in which texts may stand: UTF-8, Latin-1, UTF-16, escaped in XML, within base64."""
    loose: set[bytes] = set()
    exact: set[bytes] = set()
    for text in texts:
        plain = {
            text.encode(),
            escape(text, {'"': "&quot;"}).encode(),
            escape(text, {"'": "&apos;"}).encode(),
        }
        if text.isascii() or all(ord(each) < 256 for each in text):
            plain.add(text.encode("latin-1"))
        loose |= plain | {text.encode("utf-16-le"), text.encode("utf-16-be")}
        for each in plain:
            exact |= set(_in_base64(each))
    return Forms(tuple(sorted(loose)), tuple(sorted(exact)))


def _in_base64(value: bytes) -> Iterator[bytes]:
    """Yield what is the same in base64 whatever stands before and behind, for each of the three ways to begin."""
    if len(value) < _SHORTEST_BASE64:
        return
    for front in range(3):
        packed = base64.b64encode(bytes(front) + value).rstrip(b"=")
        yield packed[(front * 8 + 5) // 6 : (front + len(value)) * 8 // 6]


def check_bytes(
    written: FileBytes,
    original: FileBytes | None,
    forms: Forms,
    anchors: Anchors,
    ours: Sequence[tuple[int, int]],
) -> None:
    """Raise LeakError where the copy holds a form, or 64 bytes of a picture that was destroyed.

    `ours` are (start, stop) of white pictures that were written in their place.
    """
    import hyperscan  # heavy

    patterns = [*forms.loose, *forms.exact, _CONTROL, *anchors.patterns]
    plain = len(forms.loose) + len(forms.exact)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_STREAM)
    loose = len(forms.loose)
    database.compile(
        expressions=[_escaped(each) for each in patterns],
        ids=list(range(len(patterns))),
        flags=[hyperscan.HS_FLAG_CASELESS] * loose + [0] * (len(patterns) - loose),
    )
    hits: list[tuple[int, int]] = []

    def note(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        if len(hits) < _MOST_HITS:
            hits.append((number, end - len(patterns[number])))

    with database.stream(match_event_handler=note) as stream:
        for at in range(0, written.size, WINDOW):
            stream.scan(written.read(at, min(WINDOW, written.size - at)))
        if len(hits) < _MOST_HITS:
            stream.scan(_CONTROL)
    if len(hits) >= _MOST_HITS or (plain, written.size) not in hits:
        raise LeakError("verification did not find its own control value")
    for number, at in hits:
        if number < plain and not _is_part_of_number(written, patterns[number], at):
            raise LeakError("a value of the original is in the copy", offset=at)
        if number > plain and original is not None:
            run = anchors.run(original, written, number - plain - 1, at)
            if run and not any(start <= run[0] and run[1] <= stop for start, stop in ours):
                raise LeakError("part of a picture that was destroyed is in the copy", offset=run[0])


def _escaped(needle: bytes) -> bytes:
    return b"\\x" + needle.hex(" ").replace(" ", "\\x").encode()


def _is_part_of_number(written: FileBytes, needle: bytes, at: int) -> bool:
    """Tell whether a short number was found within a longer one, which says nothing."""
    if at >= written.size:
        return True
    if len(needle) >= _SHORT_NUMBER or not needle.isdigit():
        return False
    before = written.read(at - 1, 1)[0] if at else 0
    end = at + len(needle)
    after = written.read(end, 1)[0] if end < written.size else 0
    return before in _DIGITS or after in _DIGITS
