"""Text out of bytes by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1)."""

from __future__ import annotations

_SINGLE = {
    b"": "ascii",
    b"ISO_IR 6": "ascii",
    b"ISO_IR 13": "shift_jis",
    b"ISO_IR 100": "latin-1",
    b"ISO_IR 101": "iso8859-2",
    b"ISO_IR 109": "iso8859-3",
    b"ISO_IR 110": "iso8859-4",
    b"ISO_IR 126": "iso8859-7",
    b"ISO_IR 127": "iso8859-6",
    b"ISO_IR 138": "iso8859-8",
    b"ISO_IR 144": "iso8859-5",
    b"ISO_IR 148": "iso8859-9",
    b"ISO_IR 166": "iso8859-11",
    b"ISO_IR 192": "utf-8",
    b"ISO_IR 203": "iso8859-15",
    b"GB18030": "gb18030",
    b"GBK": "gbk",
}


def decode(raw: bytes, character_set: bytes) -> str:
    """Return `raw` as text; what the character set cannot explain is read as Latin-1, so that nothing is lost."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    terms = [term.strip(b" \0") for term in character_set.split(b"\\")]
    codec = _SINGLE.get(terms[0]) if len(terms) == 1 else None
    if codec and codec != "ascii":
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    if len(terms) > 1:
        return _decode_with_extensions(raw, terms)
    return raw.decode("latin-1")


def _decode_with_extensions(raw: bytes, terms: list[bytes]) -> str:
    """Decode ISO 2022 code extensions with pydicom, which is loaded only for them."""
    from pydicom.charset import convert_encodings, decode_bytes  # noqa: PLC0415  # heavy, and rarely needed

    try:
        encodings = convert_encodings([term.decode("ascii") for term in terms])
        return decode_bytes(raw, encodings, {0x1B, 0x3D, 0x5E, 0x5C})
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("latin-1")
