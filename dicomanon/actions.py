"""What the action letters of Table E.1-1a do to one value: pure functions of value and context.

Sequences are not values: `deidentify` removes, empties or walks them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.characteristics import OLDEST
from dicomanon.codes import LOCAL_SCHEME, LONG_CODE_VALUE, Codes
from dicomanon.errors import MalformedError, RefusedError
from dicomanon.icc import without_text
from dicomanon.identifying import names_nobody
from dicomanon.labels import is_label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dicomanon.descriptors import Descriptors
    from dicomanon.pseudonym import Pseudonymizer

    Action = Callable[[int, bytes, bytes, "Context"], bytes | None]

PATIENT_TAGS = frozenset((0x00100010, 0x00100020))
"""Attributes whose dummy is the pseudonym of the patient."""
SPECIMEN_TAGS = frozenset((0x00400512, 0x00400551, 0x0040A160, 0x004006FA, 0x22000005))
"""Container and specimen identifiers, often equal, as in a preparation step or a barcode: one role."""
OPTICAL_PATH_TAGS = frozenset((0x00480106, 0x006A000E))
"""An optical path's identifier and the references to it, from annotations on other instances too: one role."""
GRAPHIC_LAYER = 0x00700002
"""A name that other items refer to: layers stay apart."""
STUDY_TAG = 0x00200010
ACCESSION_TAG = 0x00080050
RETIRED_ACCESSION_TAG = 0x0040050A
ACCESSION = "AccessionNumber"
"""Role of the number of a case: by itself, and in front of the part, block and slide of an identifier."""
STANDARD_UIDS = b"1.2.840.10008."
WELL_KNOWN_UID = re.compile(
    rb"1\.2\.840\.10008\.(?:1\.(?:4\.[123]\.\d{1,2}|5\.\d{1,2}|20\.[12]\.1|40\.1(?:\.1)?|42\.1|9\.1)"
    rb"|5\.1\.1\.(?:17(?:\.376)?|25)|5\.1\.4\.34\.5(?:\.1)?)"
)
"""Instances and frames of reference that the standard itself defines (PS3.6 Annex A): the same for everybody."""
INSTANCE_UIDS = frozenset((0x00080018, 0x0020000D, 0x0020000E))
UID = re.compile(rb"[0-9.]{1,64}")


NO_CODES = Codes({})


@dataclass(frozen=True, slots=True)
class Context:
    """What replacement values of one instance depend on; `patient` is empty where nobody says who it is.

    `keeps_zone` says that (0008,0201) Timezone Offset From UTC stays, and so the offsets of single moments.
    `descriptors` cleans text where the profile lets descriptions stay. `numbers` are the content items of an SR tree
    that stay, by the numbers others refer to them with, and their new numbers. `code` is the one whose meaning is asked
    for, `codes` what is known of codes.
    """

    pseudonymizer: Pseudonymizer
    patient: bytes
    study: bytes
    keeps_zone: bool = False
    descriptors: Descriptors | None = None
    numbers: Mapping[bytes, bytes] = field(default_factory=dict)
    codes: Codes = NO_CODES
    code: tuple[str, str] = ("", "")

    def shift(self) -> int:
        """Return the days by which dates move; raise RefusedError where there is no patient to key them to."""
        if not self.patient:
            raise RefusedError(
                "dates cannot be shifted without Patient ID: give such instances a scope "
                "(--scope, or scope in the route), in which each study is a patient of its own"
            )
        return self.pseudonymizer.date_shift(self.patient)


def remove(_tag: int, _vr: bytes, _value: bytes, _context: Context) -> None:
    """X: the attribute goes."""


def empty(_tag: int, _vr: bytes, _value: bytes, _context: Context) -> bytes:
    """Z: a zero length value."""
    return b""


def keep(tag: int, vr: bytes, value: bytes, _context: Context) -> bytes:
    """K: the value stays; a UID that is none raises MalformedError."""
    if vr == b"UI" and not all(UID.fullmatch(part) for part in value.strip(b"\0 ").split(b"\\") if part):
        raise MalformedError("a UID holds something other than digits and full stops", tag=tag)
    return value


_DUMMIES: Mapping[bytes, bytes] = {
    b"AS": b"000Y",
    b"CS": b"REMOVED",
    b"DA": b"19000101",
    b"DS": b"0",
    b"DT": b"19000101000000",
    b"IS": b"0",
    b"TM": b"000000",
    b"UR": b"http://removed.invalid/",
    b"AT": bytes(4),
    b"FD": bytes(8),
    b"FL": bytes(4),
    b"SL": bytes(4),
    b"SS": bytes(2),
    b"SV": bytes(8),
    b"UL": bytes(4),
    b"US": bytes(2),
    b"UV": bytes(8),
    b"OB": bytes(2),
    b"OD": bytes(8),
    b"OF": bytes(4),
    b"OL": bytes(4),
    b"OV": bytes(8),
    b"OW": bytes(2),
    b"UN": bytes(2),
}


def dummy(tag: int, vr: bytes, value: bytes, context: Context) -> bytes:
    """D: a value that says nothing; text becomes a keyed pseudonym, so equal values stay equal."""
    fixed = _DUMMIES.get(vr)
    if fixed is not None and tag != GRAPHIC_LAYER:
        return fixed
    if vr == b"UI":
        return replace_uid(tag, vr, value, context) or context.pseudonymizer.uid(b"empty")
    if tag in PATIENT_TAGS:
        role, value = "patient", context.patient or value.strip(b" \0")
        if not value:
            raise RefusedError("nobody says whose instance this is: name a scope for such instances", tag=tag)
    elif tag in SPECIMEN_TAGS:
        role = "specimen"
    elif tag == STUDY_TAG:
        role, value = "study", context.study
    elif tag in OPTICAL_PATH_TAGS:
        role = "optical path"
    elif tag == RETIRED_ACCESSION_TAG:
        role = ACCESSION
    else:
        role = standard.keyword_of(tag) or f"{tag:08X}"
    if names_nobody(value):
        if tag == ACCESSION_TAG:
            return b""  # nobody gave one, and two studies without one are not one case
        value = b"\0study\0" + context.study
    made = context.pseudonymizer.identifier(role, value.strip(b" \0")).encode()
    return made * 2 if tag == LONG_CODE_VALUE else made  # a shorter one belongs into Code Value (PS3.3 8.1)


def replace_uid(tag: int, _vr: bytes, value: bytes, context: Context) -> bytes:
    """U: each UID becomes its keyed counterpart; what the standard itself defines stays (PS3.15 E.1.1)."""
    uid = context.pseudonymizer.uid
    known = None if tag in INSTANCE_UIDS else WELL_KNOWN_UID.fullmatch
    if b"\\" not in value:
        plain = value.rstrip(b"\0 ")
        return plain if not plain or (known and known(plain)) else uid(plain)
    plains = [part.strip(b"\0 ") for part in value.split(b"\\")]
    return b"\\".join(plain if not plain or (known and known(plain)) else uid(plain) for plain in plains)


SENTINEL_DATES = frozenset(("19700101", "19800101", "20000101"))
"""What clocks and programs write that do not know the date; so are years before 1930 and from 2100 on."""


def shift_date(_tag: int, vr: bytes, value: bytes, context: Context) -> bytes | None:
    """C of Retain Modified Dates (PS3.15 E.3.6): every date moves by the days of the patient.

    The offset from UTC goes where the one of the instance goes: it tells where in the world the hospital is. A DT of
    year, or year and month, moves as its middle does, so that order survives. Broken dates come back as None: what
    cannot be moved is not kept.
    """
    if not value.strip(b" \0"):
        return b""
    days = context.shift()
    parts = [part.strip(b" \0").decode("ascii", "replace") for part in value.split(b"\\")]
    moved = [_shifted(part, days, with_time=vr == b"DT") for part in parts]
    if None in moved:
        return None
    whole = (part for part in moved if part is not None)
    return "\\".join(part if context.keeps_zone else _ZONE.sub("", part) for part in whole).encode()


_TIME = re.compile(r"(?:[0-2]\d(?:[0-5]\d(?:[0-6]\d(?:\.\d{1,6})?)?)?)?(?:[+-][01]\d[0-5]\d)?", re.ASCII)
"""What may follow the date of a DT (PS3.5 6.2); anything longer is no time."""
_ZONE = re.compile(r"[+-]\d{4}$", re.ASCII)


_PARTIAL = re.compile(r"(\d{4})(0[1-9]|1[0-2])?([+-][01]\d[0-5]\d)?", re.ASCII)
_DOTTED = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})", re.ASCII)
"""The form that DA had before DICOM; PS3.5 6.2 still asks readers for it."""


def _shifted(text: str, days: int, *, with_time: bool) -> str | None:
    if not text:
        return ""
    if with_time and (partial := _PARTIAL.fullmatch(text)):
        year, month, zone = partial.groups()
        middle = f"{year}{month}15" if month else f"{year}0702"
        if any(sentinel.startswith(year + (month or "")) for sentinel in SENTINEL_DATES):
            return None
        moved_middle = _shifted(middle, days, with_time=False)
        return moved_middle and moved_middle[: 6 if month else 4] + (zone or "")
    if not with_time and (dotted := _DOTTED.fullmatch(text)):
        text = "".join(dotted.groups())
    digits, rest = text[:8], text[8:]
    if digits in SENTINEL_DATES or not "1930" <= digits[:4] < "2100":
        return None  # everybody knows what it was before it moved, and so by how much all others did
    if len(digits) != 8 or not digits.isascii() or not digits.isdigit() or (rest and not with_time):
        return None
    if not _TIME.fullmatch(rest):
        return None
    try:
        moved = date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) - timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{moved:%Y%m%d}".rjust(8, "0") + rest


def clean_icc(_tag: int, _vr: bytes, value: bytes, _context: Context) -> bytes:
    """C of our supplement for ICC Profile: the colours stay, the words go."""
    return without_text(value)[0]


TEXT_VRS = frozenset((b"LO", b"LT", b"SH", b"ST", b"UC", b"UT"))


def clean_words(_tag: int, vr: bytes, value: bytes, context: Context) -> bytes | None:
    """C of Clean Descriptors (PS3.15 E.3.5): words known to be harmless stay; None where there are none."""
    if vr not in TEXT_VRS or context.descriptors is None:
        return None
    return context.descriptors.clean(vr, value)


def clean_title(_tag: int, vr: bytes, value: bytes, context: Context) -> bytes | None:
    """C of Retain Device Identity for AE titles (PS3.15 E.3.8): a keyed title, the same wherever the old one stood."""
    titles = [part.strip(b" \0") for part in value.split(b"\\")]
    if vr != b"AE" or not any(titles):
        return None
    named = (
        context.pseudonymizer.identifier("AE title", title).encode() if title else b"" for title in titles
    )
    return b"\\".join(named)


BLOCK = re.compile(
    rb"(?P<case>[^\\]*?[0-9]{3,})(?P<suffix>[-_.:/ ][A-Za-z][0-9]{0,2}(?:[-_.:/ ][A-Za-z]?[0-9]{1,2}){0,2})"
)
"""An identifier with a number of three digits and more, then one letter for the part, then block and slide."""
MOST_DIGITS = 4
"""In part, block and slide together: with more a date could stand there."""


def keep_suffix(_tag: int, vr: bytes, value: bytes, context: Context) -> bytes | None:
    """C of keep-block-structure: the number of the case becomes its pseudonym, part, block and slide stay.

    What is not of this form is a pseudonym as a whole.
    """
    plain = value.strip(b" \0")
    if vr not in TEXT_VRS or names_nobody(plain):
        return None
    found = BLOCK.fullmatch(plain)
    case, suffix = (found["case"], found["suffix"]) if found else (plain, b"")
    if sum(each in b"0123456789" for each in suffix) > MOST_DIGITS:
        case, suffix = plain, b""
    return context.pseudonymizer.identifier(ACCESSION, case).encode() + suffix


def coarsen(digits: int, *, moved: bool) -> Action:
    """Return C of the options for the time of a scan: a moment of which `digits` of YYYYMMDD stay.

    A DA goes to the first day, a DT ends early (PS3.5 6.2). Where dates move, this is what is left of the moved one.
    """

    def clean(_tag: int, vr: bytes, value: bytes, context: Context) -> bytes | None:
        if vr not in (b"DA", b"DT"):
            return None
        if not value.strip(b" \0"):
            return b""
        days = context.shift() if moved else 0
        parts = [part.strip(b" \0").decode("ascii", "replace") for part in value.split(b"\\")]
        if vr == b"DT" and not moved:
            parts = [part + "0101"[len(part) - 4 :] if len(part) in (4, 6) else part for part in parts]
        found = [_shifted(part, days, with_time=vr == b"DT") for part in parts]
        if None in found:
            return None
        coarse = (part[:digits] for part in found if part is not None)
        filled = (part + "0101"[digits - 4 :] if part and vr == b"DA" else part for part in coarse)
        return "\\".join(filled).encode()

    return clean


def keep_label(_tag: int, vr: bytes, value: bytes, _context: Context) -> bytes | None:
    """C of keep-dimension-labels: a text stays that is the name of an attribute in PS3.6, or of words of microscopy."""
    text = value.strip(b" \0").decode("ascii", "replace")
    if vr not in TEXT_VRS or "\\" in text:
        return None
    return value if is_label(text) else None


def renumber(_tag: int, _vr: bytes, value: bytes, context: Context) -> bytes | None:
    """C of Clean Structured Content for a reference to a content item by number, some of which may have gone."""
    return context.numbers.get(value)


def local_scheme(_tag: int, _vr: bytes, _value: bytes, _context: Context) -> bytes:
    """C of our supplement for the scheme of local codes, which may name a site."""
    return LOCAL_SCHEME


def clean_meaning(_tag: int, _vr: bytes, value: bytes, context: Context) -> bytes | None:
    """C of our supplement for Code Meaning: what says more than the code becomes what the code means."""
    return context.codes.meaning(context.code, value)


_AGE = re.compile(rb"([0-9]{3})([DWMY])")


def clean_age(_tag: int, vr: bytes, value: bytes, _context: Context) -> bytes | None:
    """C of Retain Patient Characteristics for ages: those over 89 years become 090Y, for so few people are as old.

    45 CFR 164.514(b)(2)(i)(C) draws the line there; PS3.15 E.3.7 leaves it open.
    """
    found = _AGE.fullmatch(value.strip(b" \0"))
    if vr != b"AS" or not found:
        return None
    return b"090Y" if found[2] == b"Y" and int(found[1]) > OLDEST else found[0]


ACTIONS: Mapping[str, Action] = {"X": remove, "Z": empty, "D": dummy, "U": replace_uid, "K": keep}
CLEANERS: Mapping[str, Action] = {
    "shift": shift_date,
    "icc": clean_icc,
    "numbers": renumber,
    "scheme": local_scheme,
    "meaning": clean_meaning,
    "words": clean_words,
    "title": clean_title,
    "age": clean_age,
    "pseudonym": dummy,
    "suffix": keep_suffix,
    "label": keep_label,
    "day": coarsen(8, moved=False),
    "month": coarsen(6, moved=False),
    "year": coarsen(4, moved=False),
    "shift-day": coarsen(8, moved=True),
    "shift-month": coarsen(6, moved=True),
    "shift-year": coarsen(4, moved=True),
}
DATE_CLEANERS = frozenset(word for word in CLEANERS if word.startswith("shift")) | {"day", "month", "year"}
"""Those that write a date, which may be that of another moment of the instance."""


def resolve(code: str, attribute_type: str | None) -> str:
    """Return the letter a code of Table E.1-1 comes to for an attribute of this Type at its place in the IOD.

    None stands for an attribute that the IOD does not have there: nothing demands it, so it goes, except that
    UIDs are replaced and kept ones kept (PS3.15 E.1.1, notes).
    """
    if code in ("X", "K", "U", "C"):
        return code
    if attribute_type is None:
        return "X"
    need = attribute_type[0]
    if code == "X/Z/U*":
        # Without them Referenced Series Sequence, Type 1C, would have no subject; their UIDs are replaced.
        return "U"
    if need == "1":
        return "D"
    if code in ("D", "Z"):
        return code
    if code == "Z/D":
        return "Z"
    if need == "2":
        return "D" if code == "X/D" else "Z"
    return "X"
