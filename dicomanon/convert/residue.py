"""What the files of a slide say beside what became a header: verification looks for it in all that leaves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dicomanon.part10.encoding import EXPLICIT_LE, pack_element
from dicomanon.sources import row_of

if TYPE_CHECKING:
    from dicomanon.convert.prepare import ReadySlide

SHORTEST_VENDOR_TEXT = 6
LONGEST_VENDOR_TEXT = 1 << 14
MAKERS = frozenset(
    (
        *("3DHISTECH", "Akoya", "Aperio", "Argos", "Carl Zeiss", "Hamamatsu", "Hamamatsu Photonics", "Huron"),
        *("Leica", "Leica Biosystems", "Mikroscan", "Motic", "Nikon", "Olympus", "PerkinElmer", "PHILIPS"),
        *("Philips", "Roche", "Sakura", "Trestle", "Ventana", "Zeiss"),
    )
)
"""Who makes scanners and cameras: of one slide a field that goes, of another the manufacturer that stays."""
HARD_RESIDUE, SOFT_RESIDUE = 0x00020102, 0x00020016
"""Private Information, and the AE title of a sender, of group 0002 (PS3.10 7.1)."""


def residue_of(slide: ReadySlide, index: int) -> bytes:
    """Return the residue of an image: of one that was DICOM its container, for its header has all the rest."""
    dataset = slide.images[index].dataset
    return _vendor_residue(slide) if dataset is None else dataset.container


def _vendor_residue(slide: ReadySlide) -> bytes:
    """Return the values of the vendor's fields and the name of the file, as elements of a group 0002.

    Names of things are soft, as AE titles are; short numbers (a magnification, a width) are in any header.
    """
    metadata = slide.metadata
    things = {text.strip() for text in (metadata.manufacturer, metadata.model, *metadata.software)}
    texts = (metadata.name, *(each.value for each in slide.fields if row_of(slide.format, each.place).hides))
    lines = {line.strip() for text in texts for line in re.split(r"[\r\n;]+", text)}
    found = []
    for text in sorted(lines):
        if len(text) < SHORTEST_VENDOR_TEXT or re.fullmatch(r"[-+]?\d*\.\d*", text):
            continue
        if not re.search(r"[^\W\d_]", text) and sum(map(str.isdigit, text)) < SHORTEST_VENDOR_TEXT:
            continue
        soft = (
            text in MAKERS
            or any(text in thing for thing in things)
            or (text == metadata.name and text.isalpha())
        )
        raw = text.encode()[:LONGEST_VENDOR_TEXT]
        found.append(pack_element(SOFT_RESIDUE if soft else HARD_RESIDUE, b"LO", raw, EXPLICIT_LE))
    return b"".join(found)
