"""JPEG frames of noise, and every block of a scan as it is told, for comparison before and after."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from PIL import Image

from dicomanon.pixels.jpeg_scan import _END, _RESTART, _Bits
from dicomanon.pixels.jpeg_tables import ac_lookup, dc_lookup, read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dicomanon.pixels.box import Box

Block = tuple[int, str]


def noise(columns: int, rows: int, samples: int, seed: int, *, spread: int = 60) -> NDArray[np.uint8]:
    """Return a picture that is smooth here and noisy there, so that blocks of all kinds are in it."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (rows // 8 + 1, columns // 8 + 1, samples), np.uint8)
    wide = coarse.repeat(8, 0).repeat(8, 1)[:rows, :columns].astype(np.int16)
    calm = generator.random((rows // 8 + 1, columns // 8 + 1, 1)).repeat(8, 0).repeat(8, 1)[:rows, :columns]
    noisy = wide + (generator.integers(-spread, spread + 1, wide.shape) * (calm > 0.5)).astype(np.int16)
    return noisy.clip(0, 255).astype(np.uint8)


def jpeg_of(samples: NDArray[np.uint8], **how: Any) -> bytes:
    """Encode with Pillow; `how` are its options."""
    out = io.BytesIO()
    Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples).save(out, "JPEG", **how)
    return out.getvalue()


def twelve_bits(columns: int, rows: int, seed: int, *, spread: int = 300) -> bytes:
    """Encode grey noise of 12 bits in the extended process."""
    samples = noise(columns, rows, 1, seed)[:, :, 0].astype(np.uint16) * 16
    extra = np.random.default_rng(seed).integers(0, spread, samples.shape, np.uint16)
    return bytes(imagecodecs.jpeg8_encode((samples + extra).clip(0, 4095), level=90, bitspersample=12))


def planes(data: bytes) -> NDArray[Any]:
    """Decode without conversion of colours."""
    space = None if len(read_tables(data).components) == 1 else "YCBCR"
    samples: NDArray[Any] = imagecodecs.jpeg8_decode(data, colorspace=space, outcolorspace=space)
    return samples[:, :, np.newaxis] if samples.ndim == 2 else samples


def mcus(data: bytes) -> list[list[Block]]:
    """Return the blocks of every MCU: DC as a whole number, and the bits of the other coefficients.

    Fails where a restart interval holds more than its blocks and the ones that pad its last byte.
    """
    tables = read_tables(data)
    end = _END.search(data, tables.head_end)
    assert end is not None
    intervals = _RESTART.split(data[tables.head_end : end.start()])[::2]
    wide, high = tables.mcu
    left = -(-tables.columns // wide) * -(-tables.rows // high)
    step = tables.restart or left
    found: list[list[Block]] = []
    for interval in intervals:
        plain = interval.replace(b"\xff\x00", b"\xff")
        text = "".join(f"{each:08b}" for each in plain)
        bits = _Bits(plain)
        before = [0] * len(tables.components)
        for _ in range(min(step, left)):
            mcu: list[Block] = []
            for index, each in enumerate(tables.components):
                for _ in range(1 if len(tables.components) == 1 else each.across * each.down):
                    difference, start = bits.block(
                        dc_lookup(tables.huffman[each.dc]), ac_lookup(tables.huffman[each.ac])
                    )
                    before[index] += difference
                    mcu.append((before[index], text[start : bits.at]))
            found.append(mcu)
        left -= min(step, left)
        assert text[bits.at :] == "1" * (-bits.at % 8)
    assert left == 0
    return found


def met(data: bytes, boxes: Sequence[Box]) -> list[bool]:
    """Tell for each MCU whether it has a pixel in a box, one pixel after the other."""
    tables = read_tables(data)
    wide, high = tables.mcu
    covered = np.zeros((tables.rows, tables.columns), bool)
    for box in boxes:
        part = box.within(tables.columns, tables.rows)
        covered[part.top : part.bottom, part.left : part.right] = True
    return [
        bool(covered[top : top + high, left : left + wide].any())
        for top in range(0, tables.rows, high)
        for left in range(0, tables.columns, wide)
    ]


def area(data: bytes, boxes: Sequence[Box], margin: int = 0) -> NDArray[np.bool_]:
    """Return which pixels lie in MCUs that a box meets, or so close to them."""
    tables = read_tables(data)
    wide, high = tables.mcu
    found = np.zeros((tables.rows, tables.columns), bool)
    across = -(-tables.columns // wide)
    for number, flag in enumerate(met(data, boxes)):
        if flag:
            top, left = number // across * high, number % across * wide
            found[
                max(top - margin, 0) : top + high + margin, max(left - margin, 0) : left + wide + margin
            ] = True
    return found
