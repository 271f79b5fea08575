"""Text of vendor files in the shape a DICOM value wants (PS3.5 6.2)."""

from __future__ import annotations


def clean(text: str, length: int) -> str:
    """Return `text` as one line without backslash, at most `length` characters."""
    plain = text.encode("utf-8", "replace").decode()
    kept = "".join(
        " " if character == "\\" or not character.isprintable() else character for character in plain
    )
    return " ".join(kept.split())[:length].strip()


def decimal(value: float) -> str:
    """Return a Decimal String of at most 16 characters, as exact as that allows."""
    for digits in range(15, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    raise ValueError
