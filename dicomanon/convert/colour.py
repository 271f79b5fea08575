"""The ICC profile of an optical path (PS3.3 C.11.15)."""

from __future__ import annotations

from functools import cache

_DATE, _DATE_END = 24, 36
_NEUTRAL_DATE = bytes.fromhex("07d000010001000000000000")
"""2000-01-01 00:00:00: the profile must not say when the slide was converted (ICC.1 7.2.8)."""


def icc_profile(own: bytes | None) -> bytes:
    """Return the slide's own profile, or sRGB, at even length."""
    profile = own or _srgb()
    return profile + b"\0" if len(profile) & 1 else profile


@cache
def _srgb() -> bytes:
    from imagecodecs import cms_profile  # heavy

    made = bytes(cms_profile("srgb"))
    return made[:_DATE] + _NEUTRAL_DATE + made[_DATE_END:]
