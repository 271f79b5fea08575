"""The main header of a JPEG 2000 code stream, as far as DICOM wants to know it (ITU-T T.800 A)."""

from __future__ import annotations

from dataclasses import dataclass

from dicomanon.errors import CorruptSlideError

_SOC_SIZ = b"\xff\x4f\xff\x51"
_SOT, _COD = 0x90, 0x52


@dataclass(frozen=True, slots=True)
class MainHeader:
    """Size, components, colour transform and wavelet.

    `length` is where the first tile-part begins, `transform_at` where the byte is that says `transformed`.
    """

    rows: int
    columns: int
    bits: int
    components: int
    subsampled: bool
    transformed: bool
    reversible: bool
    transform_at: int
    length: int


def read_main_header(data: bytes) -> MainHeader:
    """Read the main header; raise CorruptSlideError where it is cut short or no code stream."""
    if not data.startswith(_SOC_SIZ):
        raise CorruptSlideError("a tile is not a JPEG 2000 code stream")
    coding = b""
    size = b""
    coding_at = 0
    at = 2
    while True:
        if at + 4 > len(data) or data[at] != 0xFF:
            raise CorruptSlideError("a JPEG 2000 main header is cut short")
        code = data[at + 1]
        if code == _SOT:
            break
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if stop < at + 4 or stop > len(data):
            raise CorruptSlideError("a JPEG 2000 segment is longer than its stream")
        if at == 2:
            size = data[at + 4 : stop]
        elif code == _COD:
            coding, coding_at = data[at + 4 : stop], at + 4
        at = stop
    components = int.from_bytes(size[34:36], "big")
    if len(coding) < 10 or not components or len(size) != 36 + 3 * components:
        raise CorruptSlideError("a JPEG 2000 main header is incomplete")
    right, down, left, top = (int.from_bytes(size[n : n + 4], "big") for n in (2, 6, 10, 14))
    return MainHeader(
        rows=down - top,
        columns=right - left,
        bits=(size[36] & 0x7F) + 1,
        components=components,
        subsampled=any(size[36 + 3 * n + k] != 1 for n in range(components) for k in (1, 2)),
        transformed=coding[4] == 1,
        reversible=coding[9] == 1,
        transform_at=coding_at + 4,
        length=at,
    )


def as_transformed(head: bytes, header: MainHeader) -> bytes:
    """Return a main header, of the same length, that says that its components went through the ICT.

    YCbCr as JPEG has it, stored component by component, is what the ICT makes of RGB: level shift and
    coefficients are the same (T.800 G.1, G.3; T.871 7), so the code stream stays as it is.
    """
    return head[: header.transform_at] + b"\x01" + head[header.transform_at + 1 :]
