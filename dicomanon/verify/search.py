"""Many values at once: one automaton over the bytes, and for a few new values of the next instance a plain find."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import hyperscan

from dicomanon.errors import LeakError
from dicomanon.identifying import Form

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from collections.abc import Set as AbstractSet

MOST_REMEMBERED = 1024
BYTES_A_FORM = 1 << 16
"""Adding a form to an automaton costs as much time as to look for it in so many bytes by itself (measured)."""
SHORTEST_IN_SCAN = 7
"""In entropy-coded bytes shorter values are found by chance: 1 GB holds every four letters several times."""

_CONTROL = Form(b"control#dicomanon#7f3a91", "letter")
_CONTROL_TEXT = b" ".join((b"<", _CONTROL.needle.upper(), b">"))
_DIGITS = frozenset(b"0123456789")
_LETTERS = _DIGITS | frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Hit(NamedTuple):
    """One form found at an offset."""

    form: Form
    at: int


def stands_alone(form: Form, value: bytes, at: int) -> bool:
    """Tell whether a match lies within a value and stands by itself there, as `Form.kind` says."""
    end = at + len(form.needle)
    if at < 0 or end > len(value):
        return False
    before = value[at - 1] if at else 0
    after = value[end] if end < len(value) else 0
    if form.kind == "date":
        return before not in _DIGITS
    touching = _DIGITS if form.kind == "digit" else _LETTERS
    return before not in touching and after not in touching


def _may_stand_alone(form: Form, data: bytes, at: int) -> bool:
    """Tell the same of encoded elements, where a neighbour may be half a tag or a length.

    (0048,xxxx) begins with the letter H and a zero byte; a big endian length ends with a zero byte and anything.
    """
    end = at + len(form.needle)
    before = data[at - 1] if at else 0
    after = data[end] if end < len(data) else 0
    touching = _DIGITS if form.kind in ("digit", "date") else _LETTERS
    if before in touching and (at < 2 or data[at - 2]):
        return False
    return form.kind == "date" or after not in touching or (end + 1 < len(data) and not data[end + 1])


def _escaped(needle: bytes) -> bytes:
    """Write a needle byte by byte: the library's literals end at a zero byte, and UTF-16 is full of them."""
    return b"\\x" + needle.hex(" ").replace(" ", "\\x").encode()


class _Automaton:
    """A compiled set of forms."""

    def __init__(self, forms: Collection[Form], *, stream: bool = False) -> None:
        self._lock = Lock()  # a database scans for one thread at a time
        self.forms = [*forms, _CONTROL]
        mode = hyperscan.HS_MODE_STREAM if stream else hyperscan.HS_MODE_BLOCK
        self.database = hyperscan.Database(mode=mode)
        self.database.compile(
            expressions=[_escaped(form.needle) for form in self.forms],
            ids=list(range(len(self.forms))),
            flags=[hyperscan.HS_FLAG_CASELESS] * len(self.forms),
        )

    def matches(self, data: bytes) -> list[tuple[int, int]]:
        """Return (form number, offset) of every match, standing by itself or not."""
        found: list[tuple[int, int]] = []

        def note(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((number, end - len(self.forms[number].needle)))

        with self._lock:
            self.database.scan(data, match_event_handler=note)
        return found


class Search:
    """Looks for the forms of one instance after another; what several of them share is compiled once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._automaton = _Automaton(())
        self._known: AbstractSet[Form] = frozenset()
        self._seen: AbstractSet[Form] = frozenset()

    def find(self, forms: Collection[Form], *texts: bytes) -> list[list[Hit]]:
        """Return for each text every form that stands in it; raise LeakError if the search itself does not work.

        A control value is looked for together with the others, in a copy of itself behind each text: a search
        that cannot fail is no search.
        """
        wanted = {*forms, _CONTROL}
        automaton, new = self._ready_for(wanted, sum(map(len, texts)))
        return [_found(wanted, automaton, new, text) for text in texts]

    def find_before(self, forms: Collection[Form], text: bytes) -> list[Hit]:
        """Do the same for a part of what `find` will be asked for: these forms are coming, and do not count twice."""
        wanted = {*forms, _CONTROL}
        automaton, new = self._ready_for(wanted, len(text), coming=True)
        return _found(wanted, automaton, new, text)

    def _ready_for(
        self, wanted: AbstractSet[Form], size: int, *, coming: bool = False
    ) -> tuple[_Automaton, AbstractSet[Form]]:
        """Return the automaton to use on `size` bytes, and the forms that it does not have."""
        with self._lock:
            new = wanted - self._known - {_CONTROL}
            together = self._known | wanted
            dear = len(new) * size > BYTES_A_FORM * len(together)
            again = len(new & self._seen) * 2 > len(new)
            if new and (dear or again):
                self._known = together if len(together) <= MOST_REMEMBERED else wanted
                self._automaton = _Automaton(self._known - {_CONTROL})
                new = frozenset()
            if not coming:
                self._seen = new
            return self._automaton, new


def _found(
    wanted: AbstractSet[Form], automaton: _Automaton, new: AbstractSet[Form], data: bytes
) -> list[Hit]:
    text = data + _CONTROL_TEXT
    hits = [Hit(automaton.forms[number], at) for number, at in automaton.matches(text)]
    hits = [hit for hit in hits if hit.form in wanted and _may_stand_alone(hit.form, text, hit.at)]
    _check_control(hits)
    if new:
        more = [
            hit for hit in _few({*new, _CONTROL}, text.lower()) if _may_stand_alone(hit.form, text, hit.at)
        ]
        _check_control(more)
        hits += more
    return [hit for hit in hits if hit.at < len(data)]


def _check_control(hits: Iterable[Hit]) -> None:
    if not any(hit.form == _CONTROL for hit in hits):
        raise LeakError("verification did not find its own control value")


def _few(forms: Iterable[Form], lowered: bytes) -> Iterator[Hit]:
    for form in forms:
        at = lowered.find(form.needle)
        while at >= 0:
            yield Hit(form, at)
            at = lowered.find(form.needle, at + 1)


def find_everywhere(forms: Iterable[Form], windows: Iterable[bytes]) -> list[Hit]:
    """Return the forms of at least seven bytes that stand anywhere in a file given as consecutive windows."""
    automaton = _Automaton([form for form in forms if len(form.needle) >= SHORTEST_IN_SCAN], stream=True)
    longest = max(len(form.needle) for form in automaton.forms)
    found: list[tuple[int, int]] = []

    def note(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        found.append((number, end - len(automaton.forms[number].needle)))

    hits: list[Hit] = []
    total, previous = 0, b""
    with automaton.database.stream(match_event_handler=note) as stream:
        for window in windows:
            stream.scan(window)
            total += len(window)
            joined = previous[-longest - 1 :] + window
            hits += _standing(automaton, found, joined, total - len(joined), total)
            previous = window
        stream.scan(_CONTROL_TEXT)
        joined = previous[-longest - 1 :] + _CONTROL_TEXT
        hits += _standing(automaton, found, joined, total + len(_CONTROL_TEXT) - len(joined), None)
    _check_control(hits)
    return [hit for hit in hits if hit.form != _CONTROL]


def _standing(
    automaton: _Automaton, found: list[tuple[int, int]], data: bytes, base: int, total: int | None
) -> Iterator[Hit]:
    """Yield the matches that stand by themselves, leaving those whose next byte is still to come."""
    waiting = []
    for number, at in found:
        form = automaton.forms[number]
        if total is not None and at + len(form.needle) == total:
            waiting.append((number, at))
        elif _may_stand_alone(form, data, at - base):
            yield Hit(form, at)
    found[:] = waiting
