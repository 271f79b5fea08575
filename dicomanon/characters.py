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


_DESIGNATED = {
    b"(B": "ascii",
    b"(J": "shift_jis",
    b")I": "shift_jis",
    b"-A": "latin-1",
    b"-B": "iso8859-2",
    b"-C": "iso8859-3",
    b"-D": "iso8859-4",
    b"-F": "iso8859-7",
    b"-G": "iso8859-6",
    b"-H": "iso8859-8",
    b"-L": "iso8859-5",
    b"-M": "iso8859-9",
    b"-T": "iso8859-11",
    b"-b": "iso8859-15",
    b"$)A": "gb2312",
    b"$)C": "euc_kr",
    b"$B": "iso2022_jp",
    b"$(D": "iso2022_jp_2",
}
"""Codec by what follows the escape character (PS3.3 Tables C.12-3 and C.12-4)."""


def decode(raw: bytes, character_set: bytes) -> str:
    """Return `raw` as text; what the character set cannot explain is read as Latin-1, so that nothing is lost."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    first = character_set.split(b"\\")[0].strip(b" \0").replace(b"ISO 2022 IR ", b"ISO_IR ")
    codec = _SINGLE.get(first, "latin-1")
    if codec == "ascii":
        codec = "latin-1"
    try:
        start, *extensions = raw.split(b"\x1b") if b"ISO 2022" in character_set else [raw]
        return start.decode(codec) + "".join(map(_extension, extensions))
    except (UnicodeDecodeError, LookupError):
        return raw.decode("latin-1")


def _extension(part: bytes) -> str:
    """Decode what stands between two escape characters; raise LookupError for a sequence that is none of DICOM's."""
    for size in (2, 3):
        codec = _DESIGNATED.get(part[:size])
        if codec:
            stays = codec.startswith("iso2022")  # these codecs read the escape sequence themselves
            return (b"\x1b" + part if stays else part[size:]).decode(codec)
    raise LookupError


def encode(text: str, character_set: bytes) -> bytes:
    """Return `text` in a character set without escape sequences; raise UnicodeEncodeError where it has not got it."""
    if text.isascii():
        return text.encode("ascii")
    return text.encode(
        "ascii" if b"\\" in character_set else _SINGLE.get(character_set.strip(b" \0"), "ascii")
    )
