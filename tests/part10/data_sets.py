"""Nested data sets drawn at random, as bytes: sensible ones, hostile ones, and damage done to them."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from dicomanon.standard.check_digits import ends_as_verhoeff_says
from tests.part10.building import CANARY, UNDEFINED, Coding, native, slide_elements

SEQUENCES = (0x00081115, 0x0008114A, 0x00101002, 0x0018A001, 0x00400518, 0x00400555, 0x00400560, 0x00400610)
INNER_SEQUENCES = (
    0x00400612,
    0x0040A043,
    0x0040A168,
    0x00080121,
    0x00480105,
    0x52009229,
    0x52009230,
    0x00091011,
)
TAGS = (
    *(0x00080008, 0x00080012, 0x00080018, 0x00080050, 0x00080060, 0x00080070, 0x00080100, 0x00080102),
    *(
        0x00080104,
        0x00081155,
        0x00091001,
        0x00090010,
        0x00100010,
        0x00100020,
        0x00100030,
        0x00120062,
        0x00120063,
    ),
    *(
        0x00181000,
        0x00200010,
        0x00200013,
        0x00280010,
        0x00280303,
        0x00282000,
        0x00400512,
        0x00400551,
        0x0040A040,
    ),
    *(
        0x0040A160,
        0x00480001,
        0x00480302,
        0x00480106,
        0x60003000,
        0x0019F0FF,
        0x00020010,
        0x00041220,
        0x7FFF0010,
    ),
)
VRS = (
    *(
        b"AE",
        b"AS",
        b"AT",
        b"CS",
        b"DA",
        b"DS",
        b"DT",
        b"FD",
        b"FL",
        b"IS",
        b"LO",
        b"LT",
        b"OB",
        b"OD",
        b"OW",
        b"PN",
    ),
    *(b"SH", b"SL", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN", b"UR", b"US", b"UT"),
)
TEXTS = st.sampled_from(
    (
        b"",
        CANARY,
        CANARY + b"^A^B=C",
        b"20200229",
        b"20201332",
        b"20200101120000.5+0100",
        b"1.2.3.4.5.6.7",
        b"\\\\",
        b"12",
    )
)
CONCEPTS = st.integers(100, 10**12).map(
    lambda number: next(code for digit in range(10) if ends_as_verhoeff_says(code := f"{number}00{digit}"))
)
"""What looks like a concept of SNOMED CT."""


@st.composite
def elements(draw: st.DrawFn, coding: Coding, depth: int = 0) -> bytes:
    """Make elements whose tags, VRs, lengths and values are anything, but which add up."""
    made = []
    for _ in range(draw(st.integers(0, 4))):
        if depth < 5 and draw(st.booleans()):
            made.append(draw(_sequences(coding, depth)))
        else:
            value = draw(TEXTS | st.binary(max_size=24))
            made.append(coding.element(draw(st.sampled_from(TAGS)), draw(st.sampled_from(VRS)), value))
    return b"".join(made)


@st.composite
def _sequences(draw: st.DrawFn, coding: Coding, depth: int) -> bytes:
    tag = draw(st.sampled_from(SEQUENCES if depth == 0 else INNER_SEQUENCES + SEQUENCES))
    # pydicom reads what is inside UN in the byte order of the rest, the standard in little endian.
    hidden = coding.explicit and coding.order == "<" and draw(st.integers(0, 5)) == 0
    inside = Coding("1.2.840.10008.1.2") if hidden else coding
    items = [
        inside.item(content, defined=draw(st.booleans()))
        for content in draw(st.lists(elements(inside, depth + 1), max_size=3))
    ]
    value = b"".join(items)
    if draw(st.booleans()):
        return coding.head(tag, b"UN" if hidden else b"SQ", len(value)) + value
    return coding.head(tag, b"UN" if hidden else b"SQ", UNDEFINED) + value + inside.tag(0xFFFEE0DD) + bytes(4)


@st.composite
def slides(draw: st.DrawFn, coding: Coding) -> bytes:
    """Make a slide by its top level, and more or less anything below."""
    top = slide_elements(coding)
    content = b"".join(value for _, value in sorted(top.items()))
    return content + draw(elements(coding)) + native(coding)


@st.composite
def kept(draw: st.DrawFn, coding: Coding) -> bytes:
    """Make elements behind (0028,0303) that every profile keeps as they are."""

    def sequence(tag: int, *items: bytes) -> bytes:
        return coding.sequence(tag, items, defined=draw(st.booleans()), defined_items=draw(st.booleans()))

    def code() -> bytes:
        equivalent = (
            [sequence(0x00080121, coding.code(draw(CONCEPTS), "stain"))] if draw(st.booleans()) else []
        )
        return coding.code(draw(CONCEPTS), "stain") + b"".join(equivalent)

    measures = coding.element(0x00180050, b"DS", draw(st.sampled_from((b"0.001", b"1", b""))))
    parts = [
        sequence(0x00400518, *[code() for _ in range(draw(st.integers(0, 3)))]),
        coding.element(0x00480001, b"FL", struct.pack(coding.order + "f", draw(st.floats(0, 100, width=32)))),
        coding.element(0x00480006, b"UL", draw(st.integers(0, UNDEFINED))),
        sequence(0x52009229, sequence(0x00289110, measures)),
    ]
    chosen = [draw(st.booleans()) for _ in parts]
    return b"".join(part for part, wanted in zip(parts, chosen, strict=True) if wanted)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Return bytes with a few of them changed, taken out, put in or repeated, or cut off."""
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(out) - 1, 0)))
        size = draw(st.integers(1, 24))
        kind = draw(st.sampled_from(("change", "lengthen", "remove", "insert", "repeat", "cut")))
        if kind == "change":
            out[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == "lengthen":
            out[at : at + 4] = draw(
                st.sampled_from((b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\0\0\0\x80", bytes(4)))
            )
        elif kind == "remove":
            del out[at : at + size]
        elif kind == "insert":
            out[at:at] = draw(st.binary(max_size=24))
        elif kind == "repeat":
            out[at:at] = out[at : at + 8 * size]
        elif draw(st.booleans()):
            del out[at:]
    return bytes(out)
