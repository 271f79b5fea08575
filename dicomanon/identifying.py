"""Identifying values of a source, and the forms in which they could come back; kept in memory only."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

from dicomanon import standard
from dicomanon.characters import decode
from dicomanon.part10.elements import elements_in
from dicomanon.part10.encoding import EXPLICIT_LE

PLACEHOLDERS = frozenset(
    (
        "10008",
        "anonymous",
        "anonymized",
        "n/a",
        "na",
        "no",
        "none",
        "not available",
        "null",
        "removed",
        "undefined",
    )
) | frozenset(("unknown", "unspecified", "yes"))
"""Values that name nobody and stand in many attributes at once; 10008 is part of each UID of the standard."""

TEXT_VRS = frozenset((b"AE", b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UR", b"UT"))
DATE_VRS = frozenset((b"DA", b"DT", b"TM"))
NUMBER_VRS = frozenset((b"DS", b"IS"))
BLOB_VRS = frozenset((b"OB", b"UN", b"OW"))

CONTAINER_TAGS = frozenset((0x00020000, 0x00020001, 0x00020002, 0x00020010, 0x00020012, 0x00020013))
"""What group 0002 of any file says: lengths, SOP Class, transfer syntax, and the program that wrote it."""

SHORTEST_TEXT = 4
SHORTEST_PIECE = 6
SHORTEST_NUMBER = 6
SHORTEST_IN_WORD = 8
"""Digits of an identifier that count even beside letters; fewer of them are in many a pseudonym by chance."""
LONGEST_IDENTIFIER = 64
LONGEST_WHOLE = 200
LARGEST_BLOB = 1 << 16


def names_nobody(raw: bytes) -> bool:
    """Tell whether a value is empty or one of the words that stand for no value."""
    text = raw.strip(b" \0?-").decode("latin-1").lower()
    return not text or text in PLACEHOLDERS


class Value(NamedTuple):
    """One value as encoded, with what decides how it is looked for.

    `soft`: it describes a thing, a device or a time rather than names someone, so the same word in an attribute
    that a rule keeps for what it is (a code, Manufacturer) is no leak.
    """

    vr: bytes
    raw: bytes
    soft: bool


class Form(NamedTuple):
    """Bytes to look for, in lower case; a match counts only where no character of `kind` touches it.

    `kind` is `digit` (digits on neither side), `date` (no digit in front), `letter` (letters and digits), `word`
    (the same, for one component of a name: many a patient is called Brown, or Philips) or `short` (the same, for a
    date of two digits a year: in numbers, times and UIDs its digits say nothing).
    """

    needle: bytes
    kind: str


class IdentifyingValues:
    """The values that must not leave, as they are met, with the character set they are in.

    `keeps_uids` is set where a profile retains UIDs: then the same UID under another tag is no leak. `own_words` are
    what the program itself says of the pixels: no leak as Derivation Description, whatever the source was called.
    """

    def __init__(self, character_set: bytes = b"", *, keeps_uids: bool = False) -> None:
        self.character_set = character_set
        self.keeps_uids = keeps_uids
        self.values: set[Value] = set()
        self.written_dates: set[bytes] = set()
        self.own_words = b""

    def add(self, vr: bytes, raw: bytes, *, soft: bool = False) -> None:
        """Remember a value of a VR that can identify."""
        if raw and not (self.keeps_uids and vr == b"UI"):
            self.values.add(Value(vr, raw, soft))

    def add_residue(self, residue: bytes) -> None:
        """Remember what preamble and group 0002 of the source said, apart from what every file says."""
        if residue[128:132] != b"DICM":
            elements = residue
        else:
            if residue[:128].strip(b"\0"):
                self.add(b"UN", residue[:128], soft=True)
            elements = residue[132:]
        for element in elements_in(elements, 0, len(elements), EXPLICIT_LE):
            if element.tag not in CONTAINER_TAGS:
                soft = element.tag in AE_TITLES
                self.add(element.vr, elements[element.value : element.end], soft=soft)

    def add_written_date(self, raw: bytes) -> None:
        """Remember a date that was moved: it may land on the day of another one, which is no leak."""
        self.written_dates.update(part[:8] for part in raw.split(b"\\"))

    def forms(self) -> dict[Form, bool]:
        """Return every form to look for; the flag says that only soft values have it."""
        found: dict[Form, bool] = {}
        for value in self.values:
            if self.written_dates and value.vr in DATE_VRS and value.raw[:8] in self.written_dates:
                continue
            for form in forms_of(value.vr, value.raw, self.character_set, soft=value.soft):
                found[form] = value.soft and found.get(form, True)
        return found


SOFT_OPTIONS = frozenset(("cleanDescriptors", "retainDeviceIdentity", "retainInstitutionIdentity"))
AE_TITLES = frozenset((0x00020016, 0x00020017, 0x00020018))


@cache
def is_soft(tag: int, vr: bytes) -> bool:
    """Tell whether values of an attribute are soft: by the options of its row in Table E.1-1, or for want of a row."""
    row = standard.row_for(tag)
    if vr == b"TM" or row is None or row.tag is None:
        return vr not in (b"PN", b"UI", b"DA", b"DT")
    return not SOFT_OPTIONS.isdisjoint(row.options)


@lru_cache(maxsize=8192)
def forms_of(vr: bytes, raw: bytes, character_set: bytes, *, soft: bool = False) -> tuple[Form, ...]:
    """Return the forms of one value: parts, orders, cases, encodings, date notations, identifiers taken apart."""
    if vr == b"UI":
        return tuple(Form(uid, "digit") for uid in _uids(raw))
    if vr in DATE_VRS:
        forms = [
            form for part in _split(raw) for form in _date_forms(vr, part.decode("ascii", "replace").strip())
        ]
        return tuple(dict.fromkeys(forms))
    if vr in NUMBER_VRS:
        return tuple(Form(part, "digit") for part in map(bytes.strip, _split(raw)) if _is_long_number(part))
    if vr in BLOB_VRS:
        return tuple(
            dict.fromkeys(form for text in _printable(raw[:LARGEST_BLOB]) for form in _text_forms(text))
        )
    if vr not in TEXT_VRS:
        return ()
    text = decode(raw, character_set)
    multiple = vr not in (b"LT", b"ST", b"UT", b"UR")
    parts = text.split("\\") if multiple else [text]
    parts = [part.strip(" \0") for part in parts if part.strip(" \0^=").lower() not in PLACEHOLDERS]
    make = _name_forms if vr == b"PN" else _text_forms
    forms = [form for part in parts for form in make(part)]
    if vr != b"PN" and not soft:
        forms += [form for part in parts for form in _identifier_forms(part)]
    if b"\x1b" in raw or not raw.isascii():
        forms += _as_encoded(raw, vr)
    return tuple(dict.fromkeys(forms))


def _as_encoded(raw: bytes, vr: bytes) -> list[Form]:
    """Return the value, and the components of a name, in the bytes they have, escape sequences and all."""
    pieces = [raw, *(re.split(rb"[\^=]", raw) if vr == b"PN" else ())]
    lowered = [piece.strip(b" \0").lower() for piece in pieces]
    return [
        Form(piece, "letter")
        for piece in lowered
        if len(piece) >= SHORTEST_TEXT and (b"\x1b" in piece or not piece.isascii())
    ]


def _split(raw: bytes) -> list[bytes]:
    return raw.split(b"\\")


def _uids(raw: bytes) -> list[bytes]:
    uids = (uid.strip(b" \0") for uid in _split(raw))
    return [uid for uid in uids if len(uid) >= 8 and not uid.startswith(b"1.2.840.10008.")]


def _is_long_number(part: bytes) -> bool:
    part = part.strip()
    return part.isdigit() and len(part) >= SHORTEST_NUMBER and bool(part.strip(b"0"))


_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
DUMMY_DATES = frozenset(("19000101", "00010101"))


def _date_forms(vr: bytes, text: str) -> list[Form]:
    digits = re.match(r"\d*", text).group()  # type: ignore[union-attr]  # the pattern always matches
    forms = []
    if vr == b"TM":
        if len(digits) >= 6 and digits.strip("0"):
            forms += [digits, f"{digits[:2]}:{digits[2:4]}:{digits[4:6]}"]
    elif len(digits) >= 8 and digits[:8] not in DUMMY_DATES:
        year, month, day = digits[:4], digits[4:6], digits[6:8]
        forms += [
            digits[:8],
            *(sep.join((year, month, day)) for sep in "-./ :"),
            *(sep.join((day, month, year)) for sep in "-./ "),
            *(sep.join((month, day, year)) for sep in "-/"),
            f"{month}/{day}/{year[2:]}",
        ]
        short_day, short_month = str(int(day)), str(int(month))
        forms += [sep.join((short_day, short_month, year)) for sep in "./-"]
        forms += [f"{short_month}/{short_day}/{part}" for part in (year, year[2:])]
        if 1 <= int(month) <= 12:
            name = _MONTHS[int(month) - 1]
            for word in (name[:3], name):
                forms += [f"{int(day)} {word} {year}", f"{day} {word} {year}"]
                forms += [f"{word} {day}, {year}", f"{word} {int(day)}, {year}"]
            forms.append(f"{day}-{name[:3]}-{year}")
        if len(digits) >= 14 and digits[8:14].strip("0"):
            forms.append(digits[:14])
    kind = "digit" if vr == b"TM" else "date"
    found = [form for text_ in dict.fromkeys(forms) for form in _encoded(text_, kind)]
    return found if vr == b"TM" or not forms else found + _short_dates(digits[:4], digits[4:6], digits[6:8])


def _short_dates(year: str, month: str, day: str) -> list[Form]:
    """Return a date without separators in other orders than that of DA, and with two digits of the year.

    In one-byte encodings only: each form costs time.
    """
    two = year[2:]
    whole = {day + month + year: "digit", month + day + year: "digit"}
    short = [two + month + day, day + month + two, month + day + two]
    short += [sep.join((day, month, two)) for sep in "./-"]
    if 1 <= int(month) <= 12:
        name = _MONTHS[int(month) - 1][:3]
        short += [f"{number}{sep}{name}{sep}{two}" for number in (str(int(day)), day) for sep in " -"]
    return [Form(text.encode(), kind) for text, kind in {**whole, **dict.fromkeys(short, "short")}.items()]


def _name_forms(text: str) -> list[Form]:
    """Return the orders and spellings of a person's name, and each component by itself (PS3.5 6.2.1)."""
    forms: list[Form] = []
    for group in filter(None, text.split("=")):
        components = [part.strip() for part in group.split("^")]
        words = [part for part in components if part]
        if not words:
            continue
        whole = group.rstrip("^ ")
        family, given = components[0], components[1] if len(components) > 1 else ""
        if len(components) == 1:  # a name that nobody put into components
            family, _, given = (part.strip() for part in re.sub(r"[ ,]+", " ", whole).partition(" "))
        spellings = [whole, " ".join(words)]
        if family and given:
            for one, two in ((family, given), (given, family)):
                spellings += [f"{one}{between}{two}" for between in ("^", " ", ", ", ",", "", "_", ".")]
        for spelling in dict.fromkeys(spellings):
            kind = "word" if spelling in components and " " not in spelling else "letter"
            if len(spelling) >= _shortest_name(spelling):
                forms += _encoded(spelling, kind)
        parts = [part for word in words[:3] for part in re.split(r"[ ,.\-]+", word)]
        for word in dict.fromkeys((*words[:3], *parts)):
            if len(word) >= _shortest_name(word):
                forms += _encoded(word, "word")
    return forms


def _shortest_name(spelling: str) -> int:
    return SHORTEST_TEXT if spelling.isascii() else 2


def _text_forms(text: str) -> list[Form]:
    """Return the whole text, its lines and fields, and what stands behind an equals sign or a colon."""
    forms = []
    if not any(map(str.isalnum, text)):
        return []
    if SHORTEST_TEXT <= len(text) <= LONGEST_WHOLE or not text.isascii():
        forms += _encoded(text[:LONGEST_WHOLE], "letter")
    pieces = [piece.strip() for piece in re.split(r"[\r\n\t|;=\x0c\0]+|: ", text)]
    if len(pieces) > 1:
        for piece in pieces:
            if len(piece) >= SHORTEST_PIECE and any(map(str.isalnum, piece)):
                forms += _encoded(piece[:LONGEST_WHOLE], "letter")
    return forms


_DIGIT_RUN = re.compile(r"(?<![0-9])(?<![0-9]\.)[0-9]{6,}(?![0-9]|\.[0-9])")
_SEPARATORS = re.compile(r"[^\w]|_")
_PLAIN_NUMBER = re.compile(r"[\d.+\-]*\d\.[\d.+\-]*")


def _identifier_forms(text: str) -> list[Form]:
    """Return an identifier without its separators, and its digits without what stands around and in front of them.

    Digits that begin with a date are left out: the date is looked for as such, and kept dates may say the same.
    """
    if len(text) > LONGEST_IDENTIFIER or _PLAIN_NUMBER.fullmatch(text) or not any(map(str.isdigit, text)):
        return []
    compact = _SEPARATORS.sub("", text)
    is_number = compact.isascii() and compact.isdigit()
    runs = [*_DIGIT_RUN.findall(text), *([compact] if is_number else [])]
    spellings = {number for run in runs for number in (run, run.lstrip("0"))}
    forms = [
        Form(number.encode(), "digit" if len(number) >= SHORTEST_IN_WORD else "letter")
        for number in sorted(spellings)
        if len(number) >= SHORTEST_NUMBER and number.strip("0") and not _begins_with_date(number)
    ]
    if not is_number and len(compact) >= SHORTEST_PIECE and compact != text:
        forms.append(Form(compact.lower().encode(), "letter"))
    return forms


def _begins_with_date(number: str) -> bool:
    return len(number) in (8, 14) and bool(re.match(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])", number))


def _printable(raw: bytes) -> list[str]:
    """Return the runs of text in a value of unknown shape."""
    return [run.decode("latin-1").strip() for run in re.findall(rb"[\x20-\x7e\xa1-\xff]{6,}", raw)]


def _encoded(text: str, kind: str) -> list[Form]:
    """Return a text in the encodings it could be written in; ASCII cases are folded by the search itself."""
    folded = text.lower()
    if folded.isascii():
        plain = folded.encode()
        # Without its last zero byte the little-endian form stands in big-endian text as well.
        wide = [folded.encode("utf-16-le")[:-1]] if len(text) >= SHORTEST_PIECE else []
        return [Form(needle, kind) for needle in (plain, *wide)]
    found = []
    for spelling in dict.fromkeys((text, folded, text.upper(), text.title())):
        for codec in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
            try:
                found.append(Form(spelling.encode(codec).lower(), kind))
            except UnicodeEncodeError:
                continue
    unaccented = {_in_two_letters(folded), _without_accents(folded)}
    found += [
        Form(each.encode(), kind)
        for each in sorted(unaccented)
        if each.isascii() and len(each) >= SHORTEST_TEXT
    ]
    return list(dict.fromkeys(found))


_TWO_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe", "þ": "th"}
)
_ONE_LETTER = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ð": "d", "đ": "d", "ł": "l"})


def _in_two_letters(text: str) -> str:
    """Write ä as ae, as travel documents do (ICAO Doc 9303), and what is left without accents."""
    return _without_accents(unicodedata.normalize("NFC", text).translate(_TWO_LETTERS))


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.translate(_ONE_LETTER))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
