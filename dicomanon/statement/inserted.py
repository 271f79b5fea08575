"""What a de-identified instance has that its source did not, read back from what the code would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.flags import Flags
from dicomanon.part10.elements import element_at, element_items, elements_in
from dicomanon.part10.encoding import EXPLICIT_LE
from dicomanon.part10.write import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomanon.rules import Place
from dicomanon.statement.rules import attribute_name, tag_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.part10.elements import Element
    from dicomanon.statement.model import Row
    from dicomanon.statement.subject import Policy

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""The SOP Class whose IOD has a place for everything that is inserted."""


def inserted(policy: Policy) -> tuple[Row, ...]:
    """Return name, tag (`>` for each level of items) and value of every attribute that is put in or replaced."""
    iod = standard.iod_for(WHOLE_SLIDE)
    place = Place(policy.profile, iod.root.children if iod else None, EXPLICIT_LE)
    rows: list[Row] = []
    for _, data in Flags(policy.profile, ephemeral=False).elements(b"", [], place):
        if data:
            rows += _rows(data, element_at(data, 0, len(data), EXPLICIT_LE), "")
    return tuple(rows)


def container() -> tuple[Row, ...]:
    """Return what stands in the container of a file that is written."""
    return (
        ("File Preamble", "128 bytes", "zero bytes"),
        (attribute_name(0x00020012), tag_text(0x00020012), IMPLEMENTATION_CLASS_UID),
        (attribute_name(0x00020013), tag_text(0x00020013), IMPLEMENTATION_VERSION_NAME),
        (
            "Every other attribute of group 0002",
            "(0002,xxxx)",
            "made again from SOP Class, new SOP Instance UID and transfer syntax; nothing is copied",
        ),
    )


def _rows(data: bytes, element: Element, depth: str) -> Iterator[Row]:
    name = attribute_name(element.tag)
    if element.vr != b"SQ":
        value = data[element.value : element.end].decode("ascii").strip(" \0").replace("\\", ", ")
        yield name, depth + tag_text(element.tag), value
        return
    yield name, depth + tag_text(element.tag), ""
    for item in element_items(data, element):
        for inner in elements_in(data, item.value, item.end, element.encoding):
            yield from _rows(data, inner, depth + ">")
