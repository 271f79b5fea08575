"""Fields overwritten at equal length, each as its row of the catalogue says; what nobody has written down becomes X."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.native.blank import blank_base64, is_picture
from dicomanon.native.dates import no_date
from dicomanon.native.icc import blank_packed_profile
from dicomanon.native.kept import BLOBS, LINES, crossed, kept_value, kept_words
from dicomanon.native.markup import is_structure, overwrite_names
from dicomanon.sources import catalogue, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dicomanon.native.copy import Patch
    from dicomanon.native.values import Values
    from dicomanon.sources import Field

LARGEST = 1 << 26
_LINKS: Mapping[tuple[str, str], frozenset[bytes]] = {
    ("philips", "ImageDescription/PIM_DP_IMAGE_TYPE"): frozenset((b"LABELIMAGE", b"MACROIMAGE")),
    ("ventana", "ImageDescription"): frozenset((b"Label_Image", b"Label Image")),
}
"""Words by which readers find a label in a place that stays: without them the picture belongs to nothing."""


@dataclass(slots=True)
class Overwriting:
    """What has been decided so far: patches, how many fields of each place were overwritten, where pictures were.

    `pictures` are (offset, length) of pictures in base64 in the original; `links` how many words led to a label.
    """

    format: str
    values: Values
    patches: list[Patch] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    pictures: list[tuple[int, int]] = field(default_factory=list)
    links: int = 0

    def count(self, place: str) -> None:
        """Note that a field was overwritten, under the row of the catalogue: other names may be a laboratory's own."""
        known = place in catalogue(self.format) or "/" not in place
        row = row_of(self.format, place).place
        front = place.partition("/")[0]
        place = place if known else (row if row != "*" else f"{front}/*")
        self.places[place] = self.places.get(place, 0) + 1


@dataclass(frozen=True, slots=True)
class Places:
    """The fields of one file by where they are."""

    fields: tuple[Field, ...]
    offsets: tuple[int, ...]

    def within(self, start: int, stop: int) -> Sequence[Field]:
        """Return the fields that begin in a range."""
        return self.fields[bisect_left(self.offsets, start) : bisect_left(self.offsets, stop)]


def places_of(fields: Iterable[Field], file: str = "") -> Places:
    """Return the fields whose bytes are in one file."""
    own = sorted((each for each in fields if each.file == file and each.length), key=lambda each: each.offset)
    return Places(tuple(own), tuple(each.offset for each in own))


@cache
def is_known(format_name: str, place: str) -> bool:
    """Tell whether the catalogue has a place, or parts of it."""
    return any(row == place or row.startswith(f"{place}/") for row in catalogue(format_name))


def overwritten(value: bytes, native: str) -> bytes:
    """Return what stands for a value, as long as it; zero bytes stay, so that UTF-16 stays UTF-16."""
    if native == "keep":
        return value
    if native == "date":
        return no_date(value)
    fill = {"0": b"0", "space": b" "}.get(native, b"X")
    if 0 not in value:
        return fill * len(value)
    return bytes(byte and fill[0] for byte in value)


def overwrite_text(work: Overwriting, raw: bytes, at: int, inside: Sequence[Field], place: str) -> bytes:
    """Return a text with the fields in it overwritten, all of it where none is known; `at` is its offset."""
    found = bytearray(raw)
    covered = bytearray(len(raw))
    for each in inside:
        start, stop = each.offset - at, min(each.offset - at + each.length, len(raw))
        covered[start:stop] = b"\1" * (stop - start)
        overwrite_field(work, found, (start, stop), at, each.place)
    front = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if front.startswith(b"<"):
        _overwrite_xml(work, raw, found, covered, at, place)
    elif not inside:
        overwrite_field(work, found, (0, len(raw)), at, place)
    else:
        # Names of fields that nobody knows may say as much as their values.
        whole = bytes(found)
        named = kept_words(work.format, whole, with_names=True) if work.format in LINES else crossed(whole)
        found = bytearray(byte if covered[n] else named[n] for n, byte in enumerate(found))
    clean = work.values.crossed_out(bytes(found))
    if clean != found:
        work.count(place)
    return clean


def overwrite_field(work: Overwriting, found: bytearray, span: tuple[int, int], at: int, place: str) -> None:
    """Overwrite a field of a text, as its row of the catalogue says; `at` is the offset of the text in its file."""
    start, stop = span
    value = bytes(found[start:stop])
    text = value.rstrip(b"\0")
    native = row_of(work.format, place).native
    if is_picture(text):
        new = blank_base64(text).ljust(len(value), b"\0")
        work.pictures.append((at + start, len(text)))
    elif text in _LINKS.get((work.format, place), ()):
        new = overwritten(value, "X")
        work.links += 1
    elif native != "keep":
        new = overwritten(value, native)
    elif (work.format, place) in BLOBS:
        new = blank_packed_profile(value)
    else:
        new = kept_value(work.format, place, value)
    if new != value:
        work.count(place)
        found[start:stop] = new


def _overwrite_xml(
    work: Overwriting, raw: bytes, found: bytearray, covered: bytearray, at: int, place: str
) -> None:
    """Overwrite every text that no field covers, and every name: what the driver did not see is not known."""
    from dicomanon.sources._xml import xml_texts  # heavy

    document = raw.rstrip(b"\0 \t\r\n")
    front = len(document) - len(document.lstrip(b" \t\r\n"))
    try:
        texts = xml_texts(document[front:])
    except CorruptSlideError:
        if any(covered):
            raise
        overwrite_field(work, found, (0, len(found)), at, f"{place}/*")
        return
    for text in texts:
        start, stop = front + text.start, front + text.stop
        own = raw[start:stop].strip().decode("latin-1")
        if not any(covered[start:stop]) and not is_structure(work.format, place, text, own):
            overwrite_field(work, found, (start, stop), at, f"{place}/*")
    named = bytearray(found[front : len(document)])
    for _ in range(overwrite_names(work.format, named)):
        work.count(f"{place}/*")
    found[front : len(document)] = named
