"""What PS3.15 leaves to the implementer: each question with the answer that the profiles give when asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from dicomanon import standard
from dicomanon.actions import SENTINEL_DATES, Context, resolve, shift_date
from dicomanon.errors import ProfileError
from dicomanon.explain import explain
from dicomanon.profile import CODES, load_profile
from dicomanon.pseudonym import KEY_BYTES, Pseudonymizer
from dicomanon.statement.model import Table
from dicomanon.statement.rules import tag_text

PLAIN = "basic"
"""The profile that has no options of its own: asked with the options of a question, it gives the answer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One open question: the options that raise it, the attributes it is about, and why it is answered so.

    `tags` empty stands for a question about the options themselves.
    """

    question: str
    options: tuple[str, ...]
    tags: tuple[int, ...]
    reason: str


def _rows_with(column: str, code: str, other: str = "", other_code: str = "") -> tuple[int, ...]:
    """Return the attributes whose cells in one or two columns of Table E.1-1 are these."""
    columns = standard.COLUMN_OF_OPTION
    return tuple(
        row.tag
        for row in standard.rows()
        if row.tag is not None
        and row.options.get(columns[column]) == code
        and (not other or row.options.get(columns[other]) == other_code)
    )


def choices() -> tuple[Choice, ...]:
    """Return every open question of Annex E that this implementation has met."""
    dates, device, uids = "retain-modified-dates", "retain-device-identity", "retain-uids"
    moving = frozenset(("DA", "DT", "TM"))
    others = tuple(tag for tag in _rows_with(dates, "C") if standard.vr_of(tag) not in moving | {"SQ"})
    return (
        Choice(
            "Retain Device Identity says K, Retain Modified Dates says C",
            (device, dates),
            _rows_with(device, "K", dates, "C"),
            "C outranks K: the attribute is retained, its date is moved; kept as it is, it would tell by how much "
            "all other dates of the patient moved",
        ),
        Choice(
            "Retain Full Dates and Retain Modified Dates together",
            ("retain-full-dates", dates),
            (),
            "one attribute cannot both keep and move its date (PS3.15 E.3.6)",
        ),
        Choice(
            "UIDs without a cell for Retain UIDs",
            (uids,),
            (0x0040A124, 0x04000100),
            "the table gives the option no say over them, so they are replaced",
        ),
        Choice(
            "Device UIDs, which two options name",
            (device,),
            (0x00181002, 0x0018100B),
            "either option is enough",
        ),
        Choice(
            "AE titles under Retain Device Identity (C, not K)",
            (device,),
            _rows_with(device, "C"),
            "a title may name an institution or a person: a keyed one keeps apart what it kept apart",
        ),
        Choice(
            "Dates and times that no option on dates names",
            (dates,),
            (0x00100030, 0x00100032, 0x00160077),
            "what the table does not give back stays away",
        ),
        Choice(
            "Retain Modified Dates on attributes that hold no date by their VR",
            (dates,),
            others,
            "nothing in them can be moved by days",
        ),
        Choice(
            "Versions of code sets (Context Group Version), which are dates",
            (dates,),
            (0x00080106, 0x00080107),
            "they are the same for everybody; a profile may override the row where moving them would tell by how much",
        ),
        Choice(
            "X/Z/U*: sequences of references to other instances",
            (),
            (0x00081140, 0x00082112),
            "resolved to U wherever the IOD has the attribute: replaced UIDs identify nobody, and without the "
            "references other attributes of Type 1C would have no subject",
        ),
        Choice(
            "References to instances that the table does not list",
            (),
            (0x00081167, 0x00200242),
            "every reference to an instance is protected (PS3.15 E.1.1)",
        ),
        Choice(
            "Text that describes a thing, and is not in the table",
            (),
            (0x00400031, 0x00209453, 0x0050001E),
            "text that nobody has looked at is denied",
        ),
        Choice(
            "ICC Profile, binary with text inside",
            (),
            (0x00282000,),
            "colours need its numbers; its words and dates can name a site",
        ),
        Choice(
            "Encapsulated Document",
            (),
            (0x00420011,),
            "the standard specifies no cleaning of documents (PS3.15 E.1.1); what holds one is refused or dropped as a "
            "whole (Table A.C.2.6-13), so that no instance meets the rule",
        ),
        Choice(
            "Clean Pixel Data",
            ("clean-pixel-data",),
            (),
            "what a profile drops, quarantines or treats otherwise stays so, and an instance says what was done to it",
        ),
        Choice(
            "Clean Recognizable Visual Features",
            ("clean-recognizable-visual-features",),
            (),
            "no program takes a face out of a picture for sure; tissue on glass has none",
        ),
    )


@cache
def _rules(options: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return what `explain` tells of each attribute that has a rule of its own, by its tag."""
    return {rule["selector"]: rule for rule in explain(PLAIN, options)["rules"]}


def decision(choice: Choice) -> str:
    """Return what the basic profile with the options of a question does, in the words of `explain`."""
    try:
        rules = _rules(choice.options)
    except ProfileError as error:
        return f"refused: {error}"
    found: dict[str, int] = {}
    for tag in choice.tags:
        rule = rules[tag_text(tag)]
        answer = f"{rule['action']}: {rule['meaning']}"
        found[answer] = found.get(answer, 0) + 1
    if not choice.tags:
        return _on_pixels(choice.options)
    whole = len(found) == 1
    return "; ".join(
        answer if whole else f"{answer} ({count} of {len(choice.tags)})" for answer, count in found.items()
    )


def _on_pixels(options: tuple[str, ...]) -> str:
    """Return what options change of the policies for images, and what is claimed of instances."""
    before, profile = load_profile(PLAIN).pixels, load_profile(PLAIN, options)
    laid = (
        f"{kind} {word} in place of {before[kind]}"
        for kind, word in profile.pixels.items()
        if word != before[kind]
    )
    claims = (f"{code} claimed of instances where it was carried out" for code, _ in profile.instance_codes)
    return "; ".join((*laid, *claims))


def open_choices() -> Table:
    """Return the table of open questions, with the answers as the code gives them today."""
    rows = tuple(
        (
            choice.question,
            ", ".join(choice.options) or "any",
            ", ".join(map(tag_text, choice.tags)) or "all",
            decision(choice),
            choice.reason,
        )
        for choice in choices()
    )
    return Table(
        "A.C.2.6-8",
        "Questions that PS3.15 leaves open",
        ("Question", "Options", "Attributes", "Decision", "Reason"),
        rows,
    )


def values() -> Table:
    """Return what becomes of values and claims the tables say nothing of, as the actions themselves answer."""
    absent = ", ".join(f"{code} comes to {resolve(code, None)}" for code in sorted(CODES))
    rows = (
        (
            "An action on an attribute that the IOD does not have",
            absent,
            "nothing demands it, so it goes; UIDs are replaced, and what is kept is kept (PS3.15 E.1.1, notes)",
        ),
        (
            "Partial and broken dates that should move",
            _moved("2019", "201902", "20190231"),
            "in a DA; a DT of year or month moves as its middle does, and what is no date is not kept",
        ),
        (
            "Dates that everybody knows",
            _moved("19000101", *sorted(SENTINEL_DATES)),
            "moved, they would tell by how much all other dates moved",
        ),
        (
            "A kept value that is not what its VR allows",
            "as if no rule kept it",
            "a place for a code or a number is no place for a name",
        ),
        (
            "An override that keeps more than the table",
            "113100 is not claimed; where the attribute names the patient, (0012,0062) is NO",
            "nothing is promised that was not done",
        ),
        ("An option that changes nothing", "it is not claimed", "nothing is promised that was not done"),
    )
    return Table("A.C.2.6-10", "Questions on values and claims", ("Question", "Decision", "Reason"), rows)


def _moved(*dates: str) -> str:
    context = Context(Pseudonymizer(bytes(KEY_BYTES)), b"patient", b"study")
    kept = [date for date in dates if shift_date(0x00080020, b"DA", date.encode(), context) is not None]
    return f"moved: {', '.join(kept)}" if kept else f"not kept, but replaced: {', '.join(dates)}"
