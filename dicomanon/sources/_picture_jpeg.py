"""A JPEG file: its segments up to the true end, what they say, and the code stream without all that can go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import _jpeg
from dicomanon.sources._fields import Field
from dicomanon.sources._picture_texts import (
    exif_fields,
    icc_profile,
    iptc_fields,
    orientation_of,
    runs,
    xmp_fields,
)
from dicomanon.sources._tiff_fields import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dicomanon.sources._jpeg import Head, Segment

_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_JFIF, _ADOBE = b"JFIF\0", b"Adobe"
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_KEPT = _FRAMES | {0xC4, 0xDB, 0xDD}
_SOS, _EOI, _COM = 0xDA, 0xD9, 0xFE
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
_BEHIND_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_MAX_SCANS = 64
"""Progressive pictures have ten or so; many more cost time and show nothing."""
_MAX_SEGMENTS = 1 << 16
_ADOBE_YCBCR = _jpeg.ADOBE_RGB[:-1] + b"\x01"
_PER_UNIT = {1: 25.4, 2: 10.0}
"""Millimetres of the units of JFIF density: inch and centimetre."""


@dataclass(frozen=True, slots=True)
class JpegFile:
    """What a JPEG file is: `front` is a head for the range `scan` of the file, up to EOI; all else can go.

    `single` tells that the range is one scan and nothing besides, `spacing` are mm between rows and columns as far
    as the file says any; `orientation` is how EXIF wants it turned.
    """

    head: Head
    rgb: bool
    single: bool
    front: bytes
    scan: range
    orientation: int
    spacing: tuple[float, float] | None
    icc: bytes | None


def read_jpeg(data: bytes) -> JpegFile:
    """Read what a JPEG file is; raise CorruptSlideError, SlideError for what is not supported."""
    found = list(_segments(data))
    first = next((number for number, each in enumerate(found) if each.code == _SOS), None)
    if first is None or sum(each.code in _FRAMES for each in found) != 1:
        raise CorruptSlideError("a JPEG stream has no frame or no scan")
    before = found[:first]
    kept = b"".join(data[each.start : each.stop] for each in before if each.code in _KEPT)
    scan = found[first]
    head = _jpeg.read_head(_jpeg.SOI + kept + data[scan.start : scan.stop])
    _check(head)
    frame = next(each for each in before if each.code in _FRAMES)
    identifiers = bytes(data[frame.start + 10 : frame.stop : 3])
    rgb = len(head.sampling) == 3 and _is_rgb(data, before, identifiers)
    # Without JFIF decoders go by the identifiers of components: what they would take for RGB says what it is.
    colour = _jpeg.ADOBE_RGB if rgb else _ADOBE_YCBCR if identifiers == b"RGB" else b""
    exif = next((each for each in before if _begins(data, each, 0xE1, _EXIF)), None)
    return JpegFile(
        head=head,
        rgb=rgb,
        single=head.process in (0xC0, 0xC1) and found[first + 1].code == _EOI,
        front=_jpeg.SOI + colour + kept,
        scan=range(scan.start, found[-1].stop),
        orientation=1 if exif is None else orientation_of(data, exif.start + 10, exif.stop),
        spacing=_density(data, before),
        icc=_icc(data, before),
    )


def _segments(data: bytes) -> Iterator[Segment]:
    """Yield every segment up to EOI, which is the last; entropy-coded data is passed over."""
    at, scans = len(_jpeg.SOI), 0
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.match(data, at)
        if found is None:
            raise CorruptSlideError("a JPEG marker is missing, or the picture is cut short")
        start, code = found.end() - 2, data[found.end() - 1]
        if code == _EOI:
            yield _jpeg.Segment(code, start, start + 2)
            return
        stop = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if code in _WITHOUT_LENGTH or stop < start + 4 or stop > len(data):
            raise CorruptSlideError("a JPEG segment is longer than its stream, or none at all")
        yield _jpeg.Segment(code, start, stop)
        at = stop
        if code == _SOS:
            scans += 1
            behind = _BEHIND_SCAN.search(data, stop)
            if behind is None or scans > _MAX_SCANS:
                raise CorruptSlideError("a JPEG picture is cut short, or has more scans than any has")
            at = behind.start()
    raise CorruptSlideError("a JPEG picture has more segments than any has")


def _check(head: Head) -> None:
    if head.process not in (0xC0, 0xC1, 0xC2):
        raise SlideError("only JPEG with Huffman codes is supported, sequential or progressive")
    if head.bits != 8:
        raise SlideError("only JPEG with 8 bits is supported")
    if len(head.sampling) not in (1, 3):
        raise SlideError("only gray and three colours are supported")
    if not (head.rows and head.columns):
        raise CorruptSlideError("a picture has no size")


def _begins(data: bytes, segment: Segment, code: int, mark: bytes) -> bool:
    return segment.code == code and data.startswith(mark, segment.start + 4, segment.stop)


def _is_rgb(data: bytes, before: Sequence[Segment], identifiers: bytes) -> bool:
    """Whether three components are RGB, as libjpeg decides it: JFIF, then Adobe's segment, then identifiers."""
    if any(_begins(data, each, 0xE0, _JFIF) for each in before):
        return False
    adobe = next((each for each in before if _begins(data, each, 0xEE, _ADOBE)), None)
    if adobe is not None and adobe.stop - adobe.start >= 16:
        return data[adobe.start + 15] == 0
    return identifiers == b"RGB"


def _density(data: bytes, before: Sequence[Segment]) -> tuple[float, float] | None:
    for each in before:
        if _begins(data, each, 0xE0, _JFIF) and each.stop - each.start >= 16:
            body = data[each.start + 11 : each.start + 16]
            across, down = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            unit = _PER_UNIT.get(body[0])
            return (unit / down, unit / across) if unit and across and down else None
    return None


def _icc(data: bytes, before: Sequence[Segment]) -> bytes | None:
    parts = {
        data[each.start + 16]: data[each.start + 18 : each.stop]
        for each in before
        if _begins(data, each, 0xE2, _ICC) and each.stop - each.start > 18
    }
    return icc_profile(b"".join(parts[number] for number in sorted(parts)))


def jpeg_fields(data: bytes) -> Iterator[Field]:
    """Yield what a JPEG file says beside its picture, the bytes behind its end included."""
    end = len(data)
    for each in _segments(data):
        start, stop = each.start + 4, each.stop
        end = each.stop
        if each.code == _COM and data[start:stop].strip(b"\0 "):
            raw = data[start:stop].rstrip(b"\0")
            yield Field("COM", text_of(raw), start, len(raw))
        elif 0xE0 <= each.code <= 0xEF:
            yield from _of_application(data, each, start, stop)
    yield from runs("after the end", data, end, len(data))


def _of_application(data: bytes, segment: Segment, start: int, stop: int) -> Iterator[Field]:
    if _begins(data, segment, 0xE1, _EXIF):
        yield from exif_fields(data, start + len(_EXIF), stop)
    elif _begins(data, segment, 0xE1, _XMP):
        yield from xmp_fields(data, start + len(_XMP), stop)
    elif segment.code == 0xED:
        yield from iptc_fields(data, start, stop)
    elif _begins(data, segment, 0xE0, _JFIF):
        yield from runs("APP0", data, start + 14, stop)
    elif _begins(data, segment, 0xEE, _ADOBE):
        yield from runs("APP14", data, start + 12, stop)
    elif not _begins(data, segment, 0xE2, _ICC):  # the de-identifier looks into that one
        yield from runs(f"APP{segment.code - 0xE0}", data, start, stop)
