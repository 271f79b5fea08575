"""One instance whose pixels are looked into or change: what is known of it, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dicomanon.part10.encoding import pack_tag
from dicomanon.part10.offsets import EXTENDED_LENGTHS, EXTENDED_OFFSETS
from dicomanon.pixels.header import Header, with_values
from dicomanon.pixels.layout import layout_of, plane_of
from dicomanon.pixels.picture import picture_of
from dicomanon.pixels.report import PixelReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.box import Box
    from dicomanon.pixels.layout import Layout, Plane
    from dicomanon.pixels.picture import Picture
    from dicomanon.pixels.places import Places
    from dicomanon.pixels.verdict import Verdict

IMAGE_TYPE = 0x00080008
BURNED_IN, RECOGNIZABLE = 0x00280301, 0x00280302
ICON = 0x00880200
SHARED_GROUPS, PER_FRAME_GROUPS, FRAME_TYPE = 0x52009229, 0x52009230, 0x00089007
SMALLEST, LARGEST = 0x00280106, 0x00280107
CLEANED = "113101"
"""Clean Pixel Data Option (PS3.16 CID 7050)."""


@dataclass(frozen=True, slots=True)
class Work:
    """An instance to be treated. `reopen` gives it anew, from the front of its pixels; `policy` is [pixels].

    `places` are what was found on one level of each pyramid that somebody looked at; `masks` are boxes of the device.
    """

    instance: Instance
    reopen: Callable[[], Instance]
    judged: Verdict
    policy: Mapping[str, str]
    places: Sequence[Places] = ()
    masks: tuple[Box, ...] = ()
    report: PixelReport = field(default_factory=PixelReport)
    header: Header = field(init=False)
    picture: Picture = field(init=False)
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        header = Header.of(self.instance)
        picture = picture_of(self.instance)
        object.__setattr__(self, "header", header)
        object.__setattr__(self, "picture", picture)
        object.__setattr__(self, "layout", layout_of(header, picture))

    @property
    def plane(self) -> Plane | None:
        """Where the picture lies on the slide."""
        return plane_of(self.header)

    @property
    def fill(self) -> str:
        """The colour that covers what was found."""
        return self.policy["fill"]

    @property
    def says_burned_in(self) -> bool:
        """Whether the header says that there is text in the picture."""
        return self.header.text(BURNED_IN) not in ("NO", "")


@dataclass(frozen=True, slots=True)
class Treated:
    """What came of an instance: it goes on to the rules.

    `claims` are the codes of CID 7050 that hold of it. `finish` makes it from the header that the rules made, where it
    needs that.
    """

    instance: Instance
    claims: tuple[str, ...] = ()
    finish: Callable[[bytes], Instance] | None = None


def changed(
    instance: Instance, values: Mapping[int, tuple[bytes, bytes] | None], *, derived: bool
) -> Instance:
    """Return an instance whose header tells that its pixels are others: no icon, no text, no extremes, no old offsets.

    `derived` says so in Image Type too: for pictures that are not what the scanner took (PS3.3 C.8.12.4.1.1).
    """
    laid: dict[int, tuple[bytes, bytes] | None] = {
        BURNED_IN: (b"CS", b"NO"),
        ICON: None,
        SMALLEST: None,
        LARGEST: None,
        EXTENDED_OFFSETS: None,
        EXTENDED_LENGTHS: None,
        **values,
    }
    header = Header.of(instance)
    kinds = header.texts(IMAGE_TYPE)
    if derived and kinds:
        laid[IMAGE_TYPE] = (b"CS", "\\".join(("DERIVED", *kinds[1:])).encode("ascii", "replace"))
    found = with_values(instance, laid)
    return _with_frame_types(found) if derived else found


def _with_frame_types(instance: Instance) -> Instance:
    """Return an instance whose Frame Type says DERIVED as Image Type does, at the length it had."""
    header = Header.of(instance)
    data = bytearray(instance.header)
    mark = pack_tag(FRAME_TYPE, header.encoding)
    for tag in (SHARED_GROUPS, PER_FRAME_GROUPS):
        entry = header.entry(tag)
        if entry is None:
            continue
        at = data.find(mark, entry.value, entry.next)
        while at >= 0:
            length = data[at + 6 if header.encoding.explicit else at + 4]
            start, end = at + 8, at + 8 + length
            if data[start:end].startswith(b"ORIGINAL\\"):
                data[start:end] = (b"DERIVED\\" + data[start + 9 : end]).ljust(length)
            at = data.find(mark, at + 8, entry.next)
    return replace(instance, header=bytes(data), entries=None)


def text_of(instance: Instance, tag: int) -> str:
    """Return the value of an attribute as text, for comparison with masks of devices."""
    header = Header.of(instance)
    raw = header.raw(tag)
    if header.kind(tag) in (b"US", b"UL"):
        return str(header.number(tag))
    return raw.decode("latin-1").strip(" \0")
