"""ICC profiles: descriptions, names and dates are overwritten, every number that makes a colour stays (ICC.1:2022)."""

from __future__ import annotations

from functools import lru_cache

from dicomanon.errors import MalformedError

HEADER = 128
COLOUR_TAGS = frozenset(
    b"A2B0 A2B1 A2B2 A2B3 B2A0 B2A1 B2A2 B2A3 B2D0 B2D1 B2D2 B2D3 D2B0 D2B1 D2B2 D2B3 XYZ bTRC bXYZ bkpt chad chrm "
    b"ciis clro clrt gTRC gXYZ gamt kTRC lumi meas ncl2 pre0 pre1 pre2 rTRC rXYZ rig0 rig2 tech view vcgt wtpt".split()
)
_CMM, _DATE, _PLATFORM, _FLAGS = slice(4, 8), slice(24, 36), slice(40, 44), slice(44, 48)
_PLATFORMS = frozenset((b"APPL", b"MSFT", b"SGI ", b"SUNW", b"TGNT"))
_KNOWN_FLAGS = 3
"""Of ICC.1:2022 7.2.11: embedded, and of no use without the image; the others are each maker's own."""
_DEVICE = slice(48, 64)
_CREATOR_ID_AND_RESERVED = slice(80, 128)
COLOUR_TYPES = frozenset(
    b"XYZ bfd chad chrm clro curv gbd meas mAB mBA mft1 mft2 mpet para sf32 sig tech view vcgt uf32 ui08 ui16".split()
)
"""Types whose data are numbers; a colour tag of any other type, as text or names of colourants, is blanked."""
_EPOCH = bytes.fromhex("076c00010001000000000000")  # 1900-01-01 00:00:00


@lru_cache(maxsize=16)
def without_text(profile: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Return a profile of the same length that looks the same and says nothing, and the texts that were in it.

    Raises MalformedError where the bytes are no ICC profile (PS3.3 C.11.15).
    """
    if len(profile) < HEADER + 4 or profile[36:40] != b"acsp":
        raise MalformedError("ICC Profile is not an ICC profile", tag=0x00282000)
    out = bytearray(profile)
    out[_CMM] = bytes(4)
    out[_DATE] = _EPOCH
    if profile[_PLATFORM] not in _PLATFORMS:
        out[_PLATFORM] = bytes(4)
    out[_FLAGS] = (int.from_bytes(profile[_FLAGS], "big") & _KNOWN_FLAGS).to_bytes(4, "big")
    out[_DEVICE] = bytes(16)
    out[_CREATOR_ID_AND_RESERVED] = bytes(48)
    count = int.from_bytes(profile[HEADER : HEADER + 4], "big")
    end_of_table = HEADER + 4 + 12 * count
    if count > 200 or end_of_table > len(profile):
        raise MalformedError("ICC Profile has no whole tag table", tag=0x00282000)
    colour = bytearray(len(profile))  # 1 where a colour tag lies: tags may share their data
    others = []
    for at in range(HEADER + 4, end_of_table, 12):
        signature = profile[at : at + 4].strip()
        offset, size = (int.from_bytes(profile[at + n : at + n + 4], "big") for n in (4, 8))
        if offset < end_of_table or offset + size > len(profile):
            raise MalformedError("ICC Profile has a tag outside of itself", tag=0x00282000)
        if signature in COLOUR_TAGS and profile[offset : offset + 4].strip() in COLOUR_TYPES:
            colour[offset : offset + size] = b"\1" * size
        else:
            others.append((offset, size))
    texts = []
    for offset, size in others:
        if not any(colour[offset : offset + size]):
            texts.append(_blank(out, offset, size))
    covered = bytearray(colour)
    for offset, size in others:
        covered[offset : offset + size] = b"\1" * size
    for at in range(end_of_table, len(profile)):
        if not covered[at]:
            out[at] = 0
    return bytes(out), tuple(filter(None, texts))


def _blank(out: bytearray, offset: int, size: int) -> bytes:
    """Overwrite one text tag so that its type stays readable; return what it said."""
    kind = bytes(out[offset : offset + 4])
    if kind == b"text":
        start, stop, fill = offset + 8, offset + size - 1, b"-"
    elif kind == b"desc":
        length = int.from_bytes(out[offset + 8 : offset + 12], "big")
        start, stop, fill = offset + 12, min(offset + 12 + max(length - 1, 0), offset + size), b"-"
        rest = bytes(max(offset + size - stop, 0))
        text = bytes(out[start : offset + size])
        out[stop : offset + size] = rest
        out[start:stop] = fill * (stop - start)
        return text
    elif kind == b"mluc":
        records = int.from_bytes(out[offset + 8 : offset + 12], "big")
        table = 16 + 12 * records if 16 + 12 * records <= size else 8  # a false count protects nothing
        start, stop, fill = min(offset + table, offset + size), offset + size, b"\0-"
    else:
        start, stop, fill = min(offset + 8, offset + size), offset + size, b"\0"
    text = bytes(out[start:stop])
    room = max(stop - start, 0)
    out[start:stop] = (fill * room)[:room]
    return text.decode("utf-16-be", "ignore").encode() if kind == b"mluc" else text
