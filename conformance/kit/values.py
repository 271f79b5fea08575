"""What is planted: a value of each VR that no other planting has, and the look at what became of it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement

MARK = re.compile(rb"QK[A-J]{6}", re.IGNORECASE)
"""Every text that is planted holds one: letters that stand in no word of any language and fit every text VR."""

UID_ROOT = "1.2.826.0.1.3680043.10.1947"
FIRST_DAY = date(1985, 1, 1)
BYTES = {"OB", "OW", "UN", "OD", "OF", "OL", "OV"}

PLAUSIBLE = {
    0x00100040: "F",  # Patient's Sex
    0x00102203: "ALTERED",  # Patient's Sex Neutered
    0x001021A0: "YES",  # Smoking Status
    0x00080201: "+0530",  # Timezone Offset From UTC
    0x001021C0: 2,  # Pregnancy Status: possibly pregnant
    0x00101020: "1.83",
    0x00101030: "71.5",
}
"""Values where the standard has terms or a form of its own: a mark would be no value at all."""


def mark(number: int) -> str:
    """Return the text of one planting: QK and six letters, a digit each."""
    return "QK" + "".join("ABCDEFGHIJ"[int(digit)] for digit in f"{number:06}")


def planted(tag: int, vr: str, number: int, shared: int) -> Any:
    """Return the value to plant; `number` is of this planting, `shared` of its row (UIDs are the same everywhere)."""
    if tag in PLAUSIBLE:
        return PLAUSIBLE[tag]
    word, day = mark(number), FIRST_DAY + timedelta(days=2 * number)
    if vr in BYTES:
        return word.encode()
    made = {
        "UI": f"{UID_ROOT}.{7000 + shared}.31",
        "DA": f"{day:%Y%m%d}",
        "TM": f"09{number % 60:02}17.{number:06}",
        "DT": f"{day:%Y%m%d}0930{number % 60:02}.{number:06}",
        "PN": f"{word}^Rosalind",
        "DS": f"{100000 + number}.5",
        "IS": str(100000 + number),
        "US": 2000 + number,
        "AS": f"{20 + number % 60:03}Y",
        "UR": f"http://{word.lower()}.example/",
    }
    return made.get(vr, word)


def text_of(element: DataElement) -> str:
    """Return a value as text: bytes as far as they are text, several values with backslashes."""
    value = element.value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ").decode("ascii", "replace")
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value).strip("\0 ")
    if type(value).__name__ == "PersonName":
        return str(value).strip("\0 ")
    return "\\".join(str(part) for part in value)


def day_of(text: str) -> date | None:
    """Return the day a DA or DT begins with, or None."""
    match = re.match(r"(\d{4})(\d\d)(\d\d)", text)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def is_uid(text: str) -> bool:
    """Whether a text is a UID (PS3.5 9.1)."""
    return len(text) <= 64 and re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", text) is not None
