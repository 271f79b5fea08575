"""Blocks of one colour in the codes of a given JPEG: what pads frames, with nothing encoded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dicomanon.sources._restart_head import Coding, Component

_END_OF_BLOCK = 0
_WHITE, _BLACK = 1016, -1024
"""Eight times 255 and 0, less 128: what a DC coefficient of a block of one value is (T.81 A.3.3)."""


def padding(coding: Coding, *, black: bool) -> bytes | None:
    """Return a restart interval of white or black, or of the nearest gray that the tables have a code for.

    None where they have no code for a block without detail.
    """
    parts = []
    for number, component in enumerate(coding.components):
        bright = coding.rgb or number == 0
        level = _level(component, (_BLACK if black else _WHITE) if bright else 0)
        same, end = component.dc.get(0), component.ac.get(_END_OF_BLOCK)
        if level is None or same is None or end is None:
            return None
        parts.append((level + end, same + end, component.blocks))
    first = "".join(begin + after * (blocks - 1) for begin, after, blocks in parts)
    others = "".join(after * blocks for _, after, blocks in parts)
    return _stuffed(first + others * (coding.head.restart_interval - 1))


def _level(component: Component, wanted: int) -> str | None:
    """Return the bits of a DC difference from zero: of the wanted value, or the nearest that has a code."""
    steps = -(-abs(wanted) // component.step)
    for size in range(steps.bit_length(), -1, -1):
        code = component.dc.get(size)
        if code is not None:
            value = min(steps, (1 << size) - 1)
            if wanted < 0:
                value = (1 << size) - 1 - value  # one's complement (T.81 F.1.2.1.1)
            return code + (format(value, f"0{size}b") if size else "")
    return None


def _stuffed(bits: str) -> bytes:
    """Return bits as bytes, filled up with ones; a zero follows each byte that looks like a marker (T.81 F.1.2.3)."""
    full = bits + "1" * (-len(bits) % 8)
    return int(full, 2).to_bytes(len(full) // 8, "big").replace(b"\xff", b"\xff\x00")
