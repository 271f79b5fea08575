"""C-STORE statuses: those the node answers with, from the errors, and what it makes of those it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import DicomanonError
from dicomanon.node.forward import refused_for_good
from dicomanon.node.receive import CANNOT_UNDERSTAND, NOT_OF_THE_AGREED_CLASS, PROCESSING_FAILURE, SUCCESS
from dicomanon.sinks.dicom import is_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OF_THE_RECEIVER = {
    SUCCESS: (
        "success",
        "The de-identified instance is on the disk of the node, or the profile drops images of this kind on purpose.",
    ),
    NOT_OF_THE_AGREED_CLASS: (
        "not-of-the-agreed-class",
        "The command names another SOP Class than the presentation context.",
    ),
    CANNOT_UNDERSTAND: ("no-data-set", "The command has no data set, or one instance cannot leave."),
    PROCESSING_FAILURE: (
        "internal",
        "Something unforeseen happened, or the source could not be read; nothing is kept.",
    ),
}


def answered() -> list[tuple[str, str, str]]:
    """Return status, word of the log and meaning of everything a sender can be told, by status."""
    found: dict[int, tuple[str, str]] = {}
    for kind in _kinds(DicomanonError):
        words = (kind.reason, (kind.__doc__ or "").strip())
        earlier = found.get(kind.dicom_status)
        found[kind.dicom_status] = (
            words if earlier is None else (f"{earlier[0]}, {words[0]}", f"{earlier[1]} {words[1]}")
        )
    found.update(OF_THE_RECEIVER)
    return [(f"{status:04X}", *words) for status, words in sorted(found.items())]


def understood() -> list[tuple[str, str]]:
    """Return ranges of statuses a destination may answer with, and what the node does then."""
    rows: list[tuple[str, str]] = []
    for meaning, test in (
        ("The destination has the instance: delivered.", is_stored),
        ("Refused for good: listed as failed, kept, and tried again only when asked for.", _failed),
        ("Tried again later, with growing pauses.", _again),
    ):
        ranges = ", ".join(_ranges(test))
        rows.append((ranges, meaning))
    return rows


def _kinds(kind: type[DicomanonError]) -> Iterator[type[DicomanonError]]:
    """Yield the errors that have a status of their own; the others share that of the error above."""
    if "dicom_status" in vars(kind):
        yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def _failed(status: int) -> bool:
    return not is_stored(status) and refused_for_good(status)


def _again(status: int) -> bool:
    return not is_stored(status) and not refused_for_good(status)


def _ranges(test: Callable[[int], bool]) -> Iterator[str]:
    start: int | None = None
    for status in range(0x10001):
        inside = status < 0x10000 and test(status)
        if inside and start is None:
            start = status
        elif not inside and start is not None:
            yield f"{start:04X}" if status - 1 == start else f"{start:04X}-{status - 1:04X}"
            start = None
