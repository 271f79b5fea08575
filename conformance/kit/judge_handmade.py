"""Whether the outputs of a hand-made case are what its case.toml expects."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.kit import handmade, values
from conformance.kit.cases import Line
from conformance.kit.judge import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from conformance.kit.handmade import HandMade, Instance
    from conformance.kit.settle import Output

Pair = tuple["Instance", "Output | None"]
BETWEEN = {"date_shifted", "uid_consistent", "patid_consistent"}
"""Actions that are judged over all instances of a case together."""


def judge(case: HandMade, outputs: dict[int, Output], reason: str) -> list[Verdict]:
    """Return a verdict for each expectation and instance; for actions between instances, one for each path."""
    found = []
    if not outputs:
        case = replace(case, may_drop=())  # an engine that lets nothing out has cleaned nothing
    for expect in case.expect:
        pairs = [
            (instance, outputs.get(instance.number))
            for instance in case.instances
            if handmade.fits(instance.flavour, expect.get("instances"))
        ]
        if expect["action"] in BETWEEN:
            found.append(_between(case, expect, pairs, reason))
        else:
            found += [
                verdict
                for instance, output in pairs
                for path in expect.get("paths") or [expect.get("path", "")]
                for verdict in _one(case, expect, path, instance, output, reason)
            ]
    return found


def key(case: HandMade) -> list[Line]:
    """Return the answer key of a case: as `judge` gives verdicts when all instances came out."""
    found = []
    for expect in case.expect:
        paths = expect.get("paths") or [expect.get("path", "")]
        if expect["action"] in BETWEEN:
            found.append(_line(case, expect, ", ".join(paths), None))
            continue
        fits = [each for each in case.instances if handmade.fits(each.flavour, expect.get("instances"))]
        found += [_line(case, expect, path, instance) for instance in fits for path in paths]
    return found


def _line(case: HandMade, expect: dict[str, Any], path: str, instance: Instance | None) -> Line:
    number, name = (instance.number, instance.flavour) if instance else (case.instances[0].number, "all")
    words = str(expect.get("value", expect.get("contains", "")))
    return Line(
        number, name, path, expect["action"], words, case.reason, f"case {case.name}", "+".join(case.options)
    )


def _one(
    case: HandMade,
    expect: dict[str, Any],
    path: str,
    instance: Instance,
    output: Output | None,
    reason: str,
) -> list[Verdict]:
    line = _line(case, expect, path, instance)
    action = expect["action"]
    if output is None:
        if instance.flavour not in case.may_drop:
            return [Verdict(line, passed=False, found=reason)]
        hides = action in {"text_removed", "pixels_hidden"}  # what does not leave tells nothing
        return [Verdict(line, passed=True, found="left out, as it may be")] if hides else []
    if action in {"pixels_hidden", "pixels_retained"}:
        hidden = struct.pack(">I", instance.number) * 2 not in bytes(output.dataset.get("PixelData") or b"")
        same = output.dataset.get("PixelData") == instance.dataset.PixelData
        passed = hidden if action == "pixels_hidden" else same
        words = "hidden" if hidden else "same" if same else "changed"
        return [Verdict(line, passed=passed, found=words)]
    return [_attribute(line, expect, instance, output)]


def _attribute(line: Line, expect: dict[str, Any], instance: Instance, output: Output) -> Verdict:
    """Judge an attribute of one instance, or a text that may stand nowhere in it."""
    value = expect.get("value")
    if line.action == "text_removed" and value is not None:
        stays = str(value).encode().lower() in output.data.lower()
        return Verdict(line, passed=not stays, found="stands in the file" if stays else "gone")
    now = list(_texts(output.dataset, line.path))
    old = list(_texts(instance.dataset, line.path))
    if not old and value is None and line.action in {"text_retained", "text_removed", "uid_changed"}:
        return Verdict(line, passed=False, found="nothing was planted")
    if words := str(expect.get("contains", "")):
        left = any(words.casefold() in " ".join(each.split()).casefold() for each in now)
        return Verdict(line, passed=left, found="left" if left else "other words" if any(now) else "gone")
    state = "absent" if not now else "empty" if not any(now) else "same" if set(now) & set(old) else "changed"
    passed = {
        "tag_retained": bool(now),
        "text_notnull": any(now),
        "text_retained": set([str(value)] if value is not None else old) <= set(now),
        "text_removed": state != "same",
        "uid_changed": state == "changed" and all(map(values.is_uid, now)),
    }[line.action]
    return Verdict(line, passed=passed, found=state)


def _texts(dataset: Dataset, path: str) -> Iterator[str]:
    """Yield the values at a path as text, through all items; a sequence gives one text for each of its items."""
    level = [dataset]
    if path.startswith("meta."):
        level, path = [dataset.file_meta], path.removeprefix("meta.")
    *way, last = handmade.tags(path)
    for tag in way:
        level = [
            inner
            for each in level
            if tag in each and each[tag].VR == "SQ" and each[tag].value
            for inner in each[tag].value
        ]
    for each in level:
        if last in each:
            element = each[last]
            yield ("item" if element.value else "") if element.VR == "SQ" else values.text_of(element)


def _between(case: HandMade, expect: dict[str, Any], pairs: list[Pair], reason: str) -> Verdict:
    """Judge what holds between places and instances: one map of UIDs or identifiers, one shift of days."""
    paths = expect.get("paths") or [expect.get("path", "")]
    line = _line(case, expect, ", ".join(paths), None)
    maps: dict[str, set[str]] = {}
    for instance, output in pairs:
        if output is None:
            if instance.flavour in case.may_drop:
                continue
            return Verdict(line, passed=False, found=reason)
        for path in paths:
            old, now = (list(_texts(each, path)) for each in (instance.dataset, output.dataset))
            if len(old) != len(now) or not old:
                return Verdict(line, passed=False, found="a place is gone" if old else "nothing was planted")
            for before, after in zip(old, now, strict=True):
                maps.setdefault(before, set()).add(after)
    if not maps:
        return Verdict(line, passed=False, found=reason or "no output")
    found = _shift(maps) if line.action == "date_shifted" else _map(maps, line.action)
    return Verdict(line, passed=not found, found=found or "as it should be")


def _map(maps: dict[str, set[str]], action: str) -> str:
    """Return what is wrong with a map from old to new values, or nothing."""
    if any(old in new for old, new in maps.items()):
        return "same"
    if any(len(new) > 1 for new in maps.values()):
        return "several new values for one"
    news = [value for new in maps.values() for value in new]
    if len(set(news)) < len(news):
        return "one new value for several"
    if action == "uid_consistent" and not all(map(values.is_uid, news)):
        return "changed into no UID"
    return ""


def _shift(maps: dict[str, set[str]]) -> str:
    """Return what is wrong with moved dates, or nothing: all by one number of days, and not by none."""
    moved = set()
    for old, new in maps.items():
        for value in new:
            before, after = values.day_of(old), values.day_of(value)
            if before is None or after is None:
                return "no date any more"
            moved.add((after - before).days)
    return "not moved" if moved == {0} else "" if len(moved) == 1 else "moved by different days"
