"""How the frames of an instance are to be read: the attributes of Image Pixel (PS3.3 C.7.6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError, UnsupportedError
from dicomanon.part10.encoding import ENCAPSULATED, EXPLICIT_BIG
from dicomanon.part10.extent import Extent

if TYPE_CHECKING:
    from dicomanon.part10.instance import Instance

SAMPLES, PHOTOMETRIC, PLANAR = 0x00280002, 0x00280004, 0x00280006
ROWS, COLUMNS = 0x00280010, 0x00280011
BITS_ALLOCATED, BITS_STORED, REPRESENTATION = 0x00280100, 0x00280101, 0x00280103
PIXEL_DATA, FRAMES = 0x7FE00010, 0x00280008
LARGEST, MOST_FRAMES = 200_000_000, 1_000_000
"""Samples of one frame, and frames of one instance: what a header says costs nothing, and memory does."""
COLOURS = frozenset(("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420"))
GREYS = frozenset(("MONOCHROME1", "MONOCHROME2"))
PALETTE = "PALETTE COLOR"


@dataclass(frozen=True, slots=True)
class Picture:
    """What one frame is: its size in pixels, samples, bits and photometric interpretation, and how it is encoded."""

    columns: int
    rows: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    planar: bool
    photometric: str
    transfer_syntax_uid: str

    @property
    def encapsulated(self) -> bool:
        """Whether frames lie in fragments."""
        return self.transfer_syntax_uid in ENCAPSULATED

    @property
    def big_endian(self) -> bool:
        """Whether samples of two bytes have the higher one first."""
        return self.transfer_syntax_uid == EXPLICIT_BIG

    @property
    def frame_size(self) -> int:
        """Bytes of a frame of native pixels."""
        pixels = self.rows * self.columns
        if self.photometric == "YBR_FULL_422" and not self.encapsulated:
            return pixels * 2 * self.bits_allocated // 8
        return pixels * self.samples * self.bits_allocated // 8


def picture_of(instance: Instance) -> Picture:
    """Read the attributes of Image Pixel out of a header.

    Raises MalformedError where one is missing or contradicts another, UnsupportedError for pixels that no picture is
    made of (floats, single bits, 32 bits, four samples).
    """
    if instance.pixels is None or instance.pixels.tag != PIXEL_DATA:
        raise UnsupportedError("pixels of floating point numbers are not looked into")
    extent = Extent(instance)
    samples, allocated = extent.number(SAMPLES), extent.number(BITS_ALLOCATED)
    stored = extent.number(BITS_STORED)
    photometric = (extent.raw(PHOTOMETRIC) or b"").strip(b" \0").decode("ascii", "replace")
    expected = 3 if photometric in COLOURS else 1 if photometric in GREYS or photometric == PALETTE else 0
    if not expected:
        raise UnsupportedError(
            "a photometric interpretation that pixels are not looked into for", tag=PHOTOMETRIC
        )
    if samples != expected:
        raise MalformedError("samples per pixel and photometric interpretation disagree", tag=SAMPLES)
    if allocated not in (8, 16):
        raise UnsupportedError("pixels of this many bits are not looked into", tag=BITS_ALLOCATED)
    if not 0 < stored <= allocated:
        raise MalformedError("more bits are stored than allocated", tag=BITS_STORED)
    rows, columns = extent.number(ROWS), extent.number(COLUMNS)
    if photometric == PALETTE:
        raise UnsupportedError("colours of a palette are not looked into", tag=PHOTOMETRIC)
    if not rows or not columns:
        raise MalformedError("a frame has no pixels", tag=ROWS)
    if rows * columns * samples > LARGEST:
        raise UnsupportedError("a frame is larger than pixels are looked into", tag=ROWS)
    if extent.frames() > MOST_FRAMES:
        raise UnsupportedError("there are more frames than pixels are looked into", tag=FRAMES)
    return Picture(
        columns=columns,
        rows=rows,
        frames=extent.frames(),
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=extent.raw(REPRESENTATION) is not None and bool(extent.number(REPRESENTATION)),
        planar=samples > 1 and extent.raw(PLANAR) is not None and bool(extent.number(PLANAR)),
        photometric=photometric,
        transfer_syntax_uid=instance.meta.transfer_syntax_uid,
    )
