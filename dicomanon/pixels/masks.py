"""Masks: where equipment of which maker, model and size burns text into its pictures, in a file of CTP's format.

The file is what the DicomPixelAnonymizer of the RSNA Clinical Trial Processor reads ("The CTP DICOM Pixel Anonymizer"
and "The CTP DICOM Filter" in the RSNA MIRC wiki): a signature in braces, then its regions, `(left,top,width,height)`.
All other text is comment, in which neither braces nor parentheses may stand.

CTP logs what it does not understand, and the mask does not apply; here the file is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.pixels.box import Box
from dicomanon.pixels.mask_script import SignatureError, read_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dicomanon.pixels.mask_script import Condition

_BRACKET = re.compile(r"[{}()]")
_REGION = re.compile(r"\(([^(){}]*)\)")
_NUMBER = re.compile(r"\s*[0-9]{1,9}\s*")


@dataclass(frozen=True, slots=True)
class Mask:
    """What to cover in pictures that meet a condition; `line` is where it begins in its file, from 1."""

    boxes: tuple[Box, ...]
    condition: Condition
    line: int

    def applies(self, value_of: Callable[[int], str]) -> bool:
        r"""Tell whether a picture meets the condition.

        `value_of` returns the text of an element by its tag, of group 0002 too: "" where there is none, and a backslash
        between its values where there are several.
        """
        return self.condition.holds(value_of)


def read_masks(text: str, name: str = "") -> tuple[Mask, ...]:
    """Read a file of masks; raise ProfileError naming the file, the line and what in it is not understood."""

    def wrong(said: str, at: int) -> ProfileError:
        line = text.count("\n", 0, at) + 1
        return ProfileError(f"{name}:{line}: {said}" if name else f"line {line}: {said}")

    sections: list[tuple[int, Condition, list[Box]]] = []
    at = 0
    while found := _BRACKET.search(text, at):
        start = found.start()
        if found[0] == "{":
            at, condition = _signature(text, start, wrong)
            sections.append((start, condition, []))
        elif found[0] == "(":
            at, box = _region(text, start, wrong)
            if not sections:
                raise wrong("a region stands before the first signature", start)
            sections[-1][2].append(box)
        else:
            raise wrong(f"{found[0]!r} closes nothing; comments have no braces and no parentheses", start)
    for start, _, boxes in sections:
        if not boxes:
            raise wrong("a signature has no region", start)
    if not sections:
        raise wrong("there is no mask in the file", 0)
    return tuple(
        Mask(tuple(boxes), condition, text.count("\n", 0, start) + 1) for start, condition, boxes in sections
    )


def boxes_for(masks: Iterable[Mask], value_of: Callable[[int], str]) -> tuple[Box, ...]:
    """Return the boxes of the first mask that applies, or none.

    The first alone, as in CTP: "blanks all the regions in the image associated with the first matching signature"
    (RSNA MIRC wiki, The CTP DICOM Pixel Anonymizer, 1). So what is special stands before what is general.
    """
    for mask in masks:
        if mask.applies(value_of):
            return mask.boxes
    return ()


def _signature(text: str, start: int, wrong: Callable[[str, int], ProfileError]) -> tuple[int, Condition]:
    """Read from an opening brace up to the next closing one, as CTP does, even if that stands in a string."""
    end = text.find("}", start)
    if end < 0:
        raise wrong("a signature is not closed with }", start)
    try:
        return end + 1, read_signature(text, start + 1, end)
    except SignatureError as error:
        raise wrong(error.said, error.at) from None


def _region(text: str, start: int, wrong: Callable[[str, int], ProfileError]) -> tuple[int, Box]:
    """Read four numbers, between which lines may end."""
    found = _REGION.match(text, start)
    if found is None:
        raise wrong("a region is not closed with )", start)
    parts = found[1].split(",")
    if len(parts) != 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        # some versions of CTP count negative ones from the right and from the bottom, others do not
        raise wrong(
            f"{' '.join(found[0].split())!r} is no region: left, top, width and height, whole numbers, none negative;"
            " comments have no parentheses",
            start,
        )
    left, top, width, height = (int(part) for part in parts)
    box = Box(left, top, left + width, top + height)
    if not box:
        raise wrong(f"{found[0]!r} covers nothing: its width or height is 0", start)
    return found.end(), box
