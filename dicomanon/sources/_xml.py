"""XML of vendor files: its texts with the bytes they take, and nothing that a document can make a parser do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.parsers import expat

from dicomanon.errors import CorruptSlideError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LARGEST = 1 << 26
_DEEPEST, _MOST = 64, 200_000


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a document.

    `path` are the names of the elements around it, namespaces left out; `attributes` are those of the innermost one.
    `attribute` is the name where the text is the value of one, empty where it lies between tags. `start` and `stop` are
    bytes of the document; `value` has its references to characters resolved, so it may be shorter than these.
    """

    path: tuple[str, ...]
    attribute: str
    value: str
    start: int
    stop: int
    attributes: Mapping[str, str]


def xml_texts(document: bytes) -> list[Text]:
    """Return every text of a document in UTF-8 (or ASCII), in order; blanks between tags are none.

    Raises CorruptSlideError for what is no XML, has a document type (entities may be bombs), or is too deep or large.
    """
    if len(document) > LARGEST:
        raise CorruptSlideError("the XML of the slide is absurdly large")
    found: list[Text] = []
    names: list[str] = []
    around: list[Mapping[str, str]] = []
    pending: list[tuple[int, int, str]] = []
    parser = expat.ParserCreate()
    parser.buffer_text = False

    def flush() -> None:
        if pending and any(text.strip() for _, _, text in pending):
            start = pending[0][0]
            stop = parser.CurrentByteIndex
            raw = document[start:stop]
            front, back = len(raw) - len(raw.lstrip()), len(raw) - len(raw.rstrip())
            value = "".join(text for _, _, text in pending).strip()
            found.append(Text(tuple(names), "", value, start + front, stop - back, around[-1]))
            if len(found) > _MOST:
                raise CorruptSlideError("the XML of the slide has too many texts")
        pending.clear()

    def begin(name: str, attributes: dict[str, str]) -> None:
        flush()
        if len(names) >= _DEEPEST:
            raise CorruptSlideError("the XML of the slide is absurdly deep")
        names.append(name.rpartition(":")[2])
        around.append(attributes)
        for key, start, stop in _attributes(document, parser.CurrentByteIndex):
            if start < stop:
                local = key.rpartition(":")[2]
                found.append(Text(tuple(names), local, attributes.get(key, ""), start, stop, attributes))

    def end(_: str) -> None:
        flush()
        names.pop()
        around.pop()

    def text(data: str) -> None:
        pending.append((parser.CurrentByteIndex, 0, data))

    def refuse(*_: object) -> None:
        raise CorruptSlideError("the XML of the slide has a document type, which none has")

    def comment(data: str) -> None:
        flush()
        found.append(_comment(document, parser.CurrentByteIndex + 4, (*names, "comment"), data))

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler, parser.CommentHandler = text, comment
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(document, True)  # noqa: FBT003  # expat takes it by place
    except (expat.ExpatError, ValueError):
        raise CorruptSlideError("the XML of the slide cannot be read") from None
    return found


def _comment(document: bytes, start: int, path: tuple[str, ...], data: str) -> Text:
    raw = document[start : document.find(b"-->", start)]
    at = start + len(raw) - len(raw.lstrip())
    return Text(path, "", data.strip(), at, at + len(raw.strip()), {})


def _attributes(document: bytes, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield the name and the bytes of each attribute of the tag that begins at `at`; the parser has found it sound."""
    at += 1
    while document[at : at + 1] not in (b" ", b"\t", b"\r", b"\n", b">", b"/"):
        at += 1
    while True:
        while document[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
            at += 1
        equals = document.find(b"=", at)
        if document[at : at + 1] in (b">", b"/", b"") or equals < 0:
            return
        name = document[at:equals].strip().decode("utf-8", "replace")
        at = equals + 1
        while document[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
            at += 1
        quote = document[at : at + 1]
        stop = document.find(quote, at + 1)
        if stop < 0:
            return
        yield name, at + 1, stop
        at = stop + 1
