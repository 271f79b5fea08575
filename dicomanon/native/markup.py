"""Names of elements and attributes in XML: those that the format knows stay, for a name may be anybody's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.sources._xml import Text

_TOKEN = re.compile(
    rb"<\?(?P<instruction>.*?)\?>|<!--.*?-->|<!\[CDATA\[.*?\]\]>"
    rb"|</?(?P<name>[^\s<>/=!?]+)(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rb"([^\s=/]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_DECLARATION = re.compile(
    rb"xml version=[\"']1\.0[\"'](?: encoding=[\"'](?i:utf-8|us-ascii|ascii)[\"'])?"
    rb"(?: standalone=[\"'](?:yes|no)[\"'])? ?"
)
_AREA = re.compile(rb"(AOI)\d{1,3}")
"""Areas are numbered."""

_NUMBER = re.compile(r"-?\d{1,6}(?:[.,]-?\d{1,6})?")
_HEX = re.compile("0x[0-9A-Fa-f]{4}")
_OBJECTS = (
    *("BlockHeader", "BlockHeaderTemplate", "BlockCoordinate", "BlockSize", "ClusterHeader"),
    *("ClusterHeaderTemplate", "Dimension", "DimensionRange", "GeneralHeader", "OppExtremePoints"),
    *("ValidDataEnvelope", "ValidDataEnvelopes", "DataEnvelope", "DataEnvelopes"),
)
STRUCTURE_TEXTS: Mapping[str, Mapping[tuple[str, str], re.Pattern[str]]] = {
    "philips": {
        ("DataObject", "ObjectType"): re.compile(
            rf"DPUfsImport|DPScannedImage|PixelDataRepresentation|UFSImage(?:{'|'.join(_OBJECTS)})"
        ),
        ("Attribute", "Group"): _HEX,
        ("Attribute", "Element"): _HEX,
        ("Attribute", "PMSVR"): re.compile(
            r"I(?:String|Double|Float|DataObject|U?[Ii]nt(?:16|32|64))(?:Array)?"
        ),
    },
    "ventana": {
        **{
            ("TileJointInfo", name): _NUMBER
            for name in ("FlagJoined", "Confidence", "Tile1", "Tile2", "OverlapX", "OverlapY")
        },
        ("TileJointInfo", "Direction"): re.compile("LEFT|RIGHT|UP|DOWN"),
        **{("Frame", name): _NUMBER for name in ("XY", "Z", "Focus", "FocusZ")},
    },
}
"""What says how a document is made, hundreds of thousands of times: drivers know it as structure, and as no field."""
_ELEMENTS = {
    "philips": frozenset((b"DataObject", b"Attribute", b"Array")),
    "ventana": frozenset((b"Metadata", b"SlideStitchInfo", b"AoiOrigin", b"AOI")),
}


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of elements, and of the attributes of each, without the numbers behind AOI."""

    elements: frozenset[bytes]
    attributes: frozenset[tuple[bytes, bytes]]


@cache
def _names(format_name: str) -> _Names:
    structure = STRUCTURE_TEXTS.get(format_name, {})
    pairs = {(element.encode(), name.encode()) for element, name in structure}
    if format_name == "philips":
        pairs.add((b"Attribute", b"Name"))
    for place in catalogue(format_name):
        parts = place.encode().split(b"/")
        if parts[0] == b"XMP" and len(parts) == 3:
            pairs.add((parts[1], parts[2]))
    elements = _ELEMENTS.get(format_name, frozenset()) | {element for element, _ in pairs}
    return _Names(elements, frozenset(pairs))


def structure_words(format_name: str) -> tuple[str, ...]:
    """Return the words of texts that are structure, as far as they are words."""
    forms = STRUCTURE_TEXTS.get(format_name, {}).values()
    words = {word for form in forms for word in re.findall(r"[A-Za-z]{6,}", form.pattern)}
    names = {name.decode() for name in _ELEMENTS.get(format_name, ())}
    return (
        *sorted(words),
        *sorted(names),
        *(key for pair in STRUCTURE_TEXTS.get(format_name, {}) for key in pair),
    )


def is_structure(format_name: str, place: str, text: Text, raw: str) -> bool:
    """Tell whether a text says how the document is made, and nothing else; `raw` is as it stands there."""
    if format_name == "philips" and (text.path[-1], text.attribute) == ("Attribute", "Name"):
        return f"{place}/{raw}" in catalogue(format_name)
    form = STRUCTURE_TEXTS.get(format_name, {}).get((text.path[-1], text.attribute))
    return form is not None and form.fullmatch(raw) is not None


def overwrite_names(format_name: str, document: bytearray) -> int:
    """Overwrite the names that nobody has written down, and instructions to programs; return how many there were.

    An element is called X, an attribute becomes blanks. Raises CorruptSlideError for what is no XML in UTF-8.
    """
    found = 0
    names = _names(format_name)
    for token in _TOKEN.finditer(bytes(document)):
        if token["instruction"] is not None:
            found += _instruction(document, token)
        elif token["name"] is not None:
            area = _AREA.fullmatch(token["name"])
            element = area[1] if area else token["name"]
            known = element in names.elements
            if not known:
                document[token.start("name") : token.end("name")] = b"X" * len(token["name"])
                found += 1
            for each in _ATTRIBUTE.finditer(token["attributes"]):
                if not known or (element, each[1]) not in names.attributes:
                    at = token.start("attributes")
                    document[at + each.start() : at + each.end()] = b" " * len(each[0])
                    found += 1
    return found


def _instruction(document: bytearray, token: re.Match[bytes]) -> int:
    text = token["instruction"]
    if text.startswith(b"xml ") and token.start() == 0:
        if not _DECLARATION.fullmatch(text):
            raise CorruptSlideError("the XML of the slide is not in UTF-8")
        return 0
    document[token.start("instruction") : token.end("instruction")] = b"X" * len(text)
    return 1
