"""What became of each planting, and whether that passes: the answer key against the outputs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conformance.kit import cases, objects, values
from conformance.kit.expect import ABSENT, CHANGED, EMPTY, GONE, SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from conformance.kit.cases import Case, Line
    from conformance.kit.generate import Planting
    from conformance.kit.settle import Output, Settled


LETTERS = 6
"""So many letters of a mark in a row, of eight, are no chance."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of the answer key with what was found; `found` says no value."""

    line: Line
    passed: bool
    found: str


def judge(settled: Sequence[Settled[Case]]) -> list[Verdict]:
    """Judge the cases of one option."""
    found: list[Verdict] = []
    shifts: list[tuple[Line, int, int]] = []
    uids: dict[tuple[int, str], list[tuple[Line, str]]] = defaultdict(list)
    patients: list[tuple[Line, int, str | None]] = []
    for each in settled:
        output = each.output
        base = objects.base(each.case.sop_class, each.case.number, each.case.seed)
        for planting in each.case.plantings:
            value = cases.value_of(planting, base)
            old = value.decode() if isinstance(value, bytes) else str(value)
            found += _planting(planting, old, each, shifts, uids)
        if output is None and each.case.part:
            continue  # the planting it was split down to has failed
        for line in cases.whole(each.case):
            if output is None:
                found.append(Verdict(line, passed=False, found=each.reason))
            elif line.action == "patid_consistent":
                raw = objects.PATIENT.encode() in output.data
                told = objects.PATIENT if raw else str(output.dataset.get("PatientID", "") or "")
                patients.append((line, output.run, told))
            else:
                found.append(_of_file(line, output))
    found += one_shift(shifts) + _one_map(uids) + _one_patient(patients)
    # A case that was split has its lines once: what passes for its parts counts nothing.
    parts = {each.case.number for each in settled if each.case.part}
    return [each for each in found if each.line.row or not each.passed or each.line.case not in parts]


def _planting(
    planting: Planting,
    old: str,
    each: Settled[Case],
    shifts: list[tuple[Line, int, int]],
    uids: dict[tuple[int, str], list[tuple[Line, str]]],
) -> list[Verdict]:
    found = []
    state, now, leaked = "", "", False
    output = each.output
    if output is not None:
        state, now = outcome(planting, output, old)
        leaked = values.mark(planting.number) in output.marks
    for expectation in cases.expected(planting):
        allowed = " or ".join(sorted(expectation.passes))
        line = cases.line(
            each.case,
            cases.path_text(planting.path),
            expectation.action,
            allowed,
            expectation.why,
            planting,
        )
        if output is None:
            found.append(Verdict(line, passed=False, found=each.reason))
            continue
        passed = state in expectation.passes or (state == GONE and ABSENT in expectation.passes)
        words = state
        if expectation.action == "text_removed" and leaked:
            passed, words = False, "same" if state == SAME else f"{state}, and its value stands in the file"
        if expectation.action == "text_retained" and state == SAME and planting.vr != "SQ" and now != old:
            passed, words = False, "altered"
        if expectation.action == "uid_changed" and output is not None and old.encode() in output.data:
            passed, words = False, "same" if state == SAME else f"{state}, and the UID stands in the file"
        elif expectation.action == "uid_changed" and state == CHANGED:
            passed = values.is_uid(now)
            words = words if passed else "changed into no UID"
            uids[output.run, old].append((line, now))
        if expectation.action == "date_shifted" and state == CHANGED:
            before, after = values.day_of(old), values.day_of(now)
            if before and after:
                shifts.append((line, output.run, (after - before).days))
                continue
            passed, words = False, "changed into no date"
        if passed and state in {ABSENT, GONE} and planting.code == "K":
            words = "removed (not in the IOD)"
        found.append(Verdict(line, passed=passed, found=words))
    return found


def outcome(planting: Planting, output: Output, old: str) -> tuple[str, str]:
    """Return absent (alone or with its sequence), empty, same or changed, and the value that is there now."""
    level = output.dataset
    for tag in planting.path[:-1]:
        items = level[tag].value if tag in level and level[tag].VR == "SQ" else []
        if not items:
            return GONE, ""
        level = items[0]
    if planting.tag == 0x00020003:
        level = output.dataset.file_meta
    if planting.tag not in level:
        return ABSENT, ""
    element = level[planting.tag]
    if planting.vr == "SQ":
        return _sequence(planting, element.value if element.VR == "SQ" else None), ""
    now = values.text_of(element)
    if not now:
        return EMPTY, ""
    return (SAME if says(now, old, planting.number, planting.vr) else CHANGED), now


def says(now: str, old: str, number: int, vr: str) -> bool:
    """Tell whether a value still says what was planted: all of it, most of its mark, its UID, or its day."""
    if now == old:
        return True
    mark = values.mark(number)
    if any(mark[at : at + LETTERS] in now.upper() for at in range(len(mark) - LETTERS + 1)):
        return True
    if vr == "PN" and old.rpartition("^")[2].upper() in now.upper():
        return True
    if vr in ("DA", "DT"):
        return old[:8] in re.sub(r"\D", "", now)
    return vr == "UI" and old in now


def _sequence(planting: Planting, items: list[Dataset] | None) -> str:
    """Return `same` where the reference that was planted in the item still leads to the original."""
    if items is None:
        return CHANGED
    if not items:
        return EMPTY
    reference = cases.REFERENCES[0]
    planted = values.planted(reference, "UI", planting.number, planting.shared)
    stays = any(str(item.get(reference).value) == planted for item in items if reference in item)
    return SAME if stays else CHANGED


def _of_file(line: Line, output: Output) -> Verdict:
    """Judge what holds for the whole file: what it says of itself, and its pixels."""
    value = output.dataset.get(line.path)
    if line.action == "pixels_retained":
        passed = value == objects.pattern(line.case)
    elif line.path == cases.METHODS:  # Type 1C: not demanded beside a text (PS3.3 C.7.1.1)
        named = {str(item.get("CodeValue", "")) for item in value or ()}
        passed = set(line.expected.split()) <= named if named else bool(output.dataset.get(cases.FLAGS[1]))
    elif line.action == "text_notnull":
        value = value or output.dataset.get("DeidentificationMethodCodeSequence")
        passed = bool(value)
    else:
        passed = value == line.expected
    return Verdict(line, passed=passed, found=SAME if passed else CHANGED if value else ABSENT)


def one_shift(shifts: list[tuple[Line, int, int]]) -> list[Verdict]:
    """Pass the dates of a run that moved by the days most of them moved by; not at all is no move."""
    days: dict[int, Counter[int]] = defaultdict(Counter)
    for _, run, moved in shifts:
        days[run][moved] += 1
    found = []
    for line, run, moved in shifts:
        passed = moved != 0 and moved == days[run].most_common(1)[0][0]
        words = CHANGED if passed else "moved by other days" if moved else "not moved"
        found.append(Verdict(line, passed=passed, found=words))
    return found


def _one_map(uids: dict[tuple[int, str], list[tuple[Line, str]]]) -> list[Verdict]:
    """Pass the UIDs that became one new UID wherever they stood, which no other UID became."""
    owners: dict[tuple[int, str], set[str]] = defaultdict(set)
    for (run, old), places in uids.items():
        for _, new in places:
            owners[run, new].add(old)
    found = []
    for (run, _), places in uids.items():
        if len(places) < 2:
            continue
        line, first = places[0]
        several = len({new for _, new in places}) > 1
        shared = len(owners[run, first]) > 1
        words = "several new UIDs for one" if several else "one new UID for several" if shared else SAME
        told = replace(line, action="uid_consistent", expected="one new UID for one")
        found.append(Verdict(told, passed=not (several or shared), found=words))
    return found


def _one_patient(patients: list[tuple[Line, int, str | None]]) -> list[Verdict]:
    told: dict[int, Counter[str | None]] = defaultdict(Counter)
    for _, run, value in patients:
        told[run][value] += 1
    found = []
    for line, run, value in patients:
        usual = value == told[run].most_common(1)[0][0]
        new = value != objects.PATIENT
        words = SAME if usual and new else "the identifier of the source" if usual else "several identifiers"
        found.append(Verdict(line, passed=usual and new, found=words))
    return found
