"""Check digits of public codes: a number that somebody makes up, or brings from elsewhere, seldom has the right one."""

from __future__ import annotations

_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_TURNS = [tuple(range(10))]
for _ in range(7):
    _TURNS.append(tuple(_TURN[digit] for digit in _TURNS[-1]))


def ends_as_verhoeff_says(digits: str) -> bool:
    """Tell whether the last digit checks the others, as in SNOMED CT (Release File Specification 6.4)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total = _after(total, _TURNS[place % 8][ord(digit) - 48])
    return not total


def _after(left: int, right: int) -> int:
    """Multiply in the group of turns and flips of a pentagon: 0 to 4 turn, 5 to 9 flip."""
    turned = left + right if left < 5 else left - right
    return turned % 5 + 5 * ((left < 5) != (right < 5))


def ends_as_luhn_says(code: str) -> bool:
    """Tell whether the digit behind the hyphen checks what is in front of it, as in LOINC, where letters count too."""
    total = 0
    for place, sign in enumerate(reversed(code.replace("-", ""))):
        number = ord(sign) - 48
        total += 2 * number - number // 5 * 9 if place % 2 else number
    return not total % 10
