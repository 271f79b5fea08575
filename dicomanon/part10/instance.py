"""One DICOM instance on its way through: header bytes in memory, everything after them as a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dicomanon.part10.index import Entry


class Reader(Protocol):
    """A byte source read once from front to back: a file, the tiles of a slide, the wire."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the front of `buffer`, return the number of bytes, 0 at the end; raise what went wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Meta:
    """What the container (group 0002, or the C-STORE command) says of the data set; never written out.

    `sop_class_uid` and `sop_instance_uid` are empty where the container does not say.
    """

    transfer_syntax_uid: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    name: str = ""
    """What to call the instance in a message: a file name or an association number; not identifying text."""
    residue: bytes = b""
    """Preamble and group 0002 as they were, for verification to look for leaks of them."""


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The Pixel Data element (7FE0,0008|0009|0010) whose value is the front of `Instance.body`.

    `length` is None for undefined length (encapsulated fragments, PS3.5 A.4).
    """

    tag: int
    vr: bytes
    length: int | None


@dataclass(frozen=True, slots=True)
class Instance:
    """An identified instance.

    `header`: every element before Pixel Data as encoded (`meta.transfer_syntax_uid` says how; of a deflated
    data set, as inflated). `body`: the value of Pixel Data (item tags included where encapsulated) and the
    elements behind it, or nothing where `pixels` is None. `entries` index the header where whoever read it has
    done so already.
    """

    meta: Meta
    header: bytes
    pixels: PixelElement | None
    body: Reader
    entries: list[Entry] | None = None
    derivation: str = ""
    """What this program did to the pixels, in words of its own: Derivation Description of what leaves."""
