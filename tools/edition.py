"""What another edition of PS3.15 changes: in its tables, and in what each shipped profile does.

::

    python tools/edition.py part15.xml [--json] [--write [--data FOLDER]]

Reads NEMA's DocBook, and writes nothing unless it is told to. Exit code 0: no difference, or written; 1: there are
differences; 2: the book cannot be read, or not be written as it is.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicomanon.errors import DicomanonError, UsageError
from dicomanon.standard import stored
from dicomanon.standard.generate import tables
from dicomanon.standard.generate.docbook import Docbook
from dicomanon.standard.generate.writing import write
from dicomanon.standard.table import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """A table in the shape of our data files: its name, what makes it, its columns, and those that name a row."""

    label: str
    make: Callable[[Docbook, str], dict[str, Any]]
    columns: tuple[str, ...]
    key: tuple[str, ...]


LAYOUTS: Mapping[str, Layout] = {
    "e1-1": Layout(
        "E.1-1", tables.e1_1, ("tag", "name", "retired", "in standard IOD", "basic", "options"), ("tag",)
    ),
    "e1-1a": Layout("E.1-1a", tables.e1_1a, ("code", "meaning"), ("code",)),
    "e3-4-1": Layout(
        "E.3.4-1",
        tables.e3_4_1,
        ("code", "scheme", "meaning", "value type", "retired", "in template", "basic", "options"),
        ("code", "scheme", "value type"),
    ),
    "e3-10-1": Layout(
        "E.3.10-1",
        tables.e3_10_1,
        ("creator", "group", "element", "VR", "VM", "meaning"),
        ("creator", "group", "element"),
    ),
}
"""The tables of PS3.15 that are shipped, by the name of their data file."""


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that is another one: key and name of its row, its column, and what it says before and after."""

    key: str
    name: str
    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What a table has more, less and otherwise; rows are told as key, name and basic action."""

    added: tuple[tuple[str, ...], ...]
    removed: tuple[tuple[str, ...], ...]
    changed: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of one profile; each line has tag, name, and action before and after.

    `actions`: rules whose action changes. `new_rows`: attributes that were decided by their VR, or removed as unknown,
    and have a row now. `lost_rows`: the other way round.
    """

    actions: tuple[tuple[str, ...], ...]
    new_rows: tuple[tuple[str, ...], ...]
    lost_rows: tuple[tuple[str, ...], ...]

    def __bool__(self) -> bool:
        return bool(self.actions or self.new_rows or self.lost_rows)


def tables_of(path: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return edition and tables of a book; raises UsageError, also for a table of another shape."""
    book = Docbook(path)
    edition = book.edition()
    found = {}
    for name, layout in LAYOUTS.items():
        try:
            found[name] = layout.make(book, edition)
        except ValueError as error:
            raise UsageError(
                f"{path.name}: Table {layout.label} has other columns than those that are known: "
                "see dicomanon/standard/generate/tables.py"
            ) from error
    return edition, found


def difference(layout: Layout, before: Sequence[Row], after: Sequence[Row]) -> Difference:
    """Compare two tables row by row and cell by cell."""
    old, new = ({_key(layout, row): row for row in rows} for rows in (before, after))
    return Difference(
        added=tuple(_told(layout, row) for key, row in new.items() if key not in old),
        removed=tuple(_told(layout, row) for key, row in old.items() if key not in new),
        changed=tuple(
            change for key, row in new.items() if key in old for change in _changes(layout, old[key], row)
        ),
    )


def _cell(layout: Layout, row: Row, column: str) -> Any:
    return row[layout.columns.index(column)]


def _key(layout: Layout, row: Row) -> tuple[str, ...]:
    return tuple(str(_cell(layout, row, column)) for column in layout.key)


def _told(layout: Layout, row: Row) -> tuple[str, ...]:
    shown = [column for column in ("name", "meaning", "basic") if column in layout.columns]
    return (shown_key(_key(layout, row)), *(str(_cell(layout, row, column)) for column in shown))


def shown_key(key: tuple[str, ...]) -> str:
    """Return a row's key as people write it: `(0010,0020)`, `(60xx,3000)`, `121041 DCM TEXT`."""
    (first, *rest) = key
    if rest or len(first) != 8:
        return " ".join(key)
    return f"({first[:4]},{first[4:]})".replace("X", "x")


def _changes(layout: Layout, before: Row, after: Row) -> Iterator[Change]:
    key = shown_key(_key(layout, after))
    name = str(_cell(layout, after, "name" if "name" in layout.columns else "meaning"))
    for column, old, new in zip(layout.columns, before, after, strict=True):
        if isinstance(old, dict):
            for option in sorted(old.keys() | new.keys()):
                if old.get(option) != new.get(option):
                    yield Change(key, name, option, old.get(option, ""), new.get(option, ""))
        elif old != new:
            yield Change(key, name, column, str(old), str(new))


def unknown_codes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return actions of a Table E.1-1 that no profile can carry out."""
    from dicomanon.profile import CODES

    found = {code for row in rows for code in (row[4], *row[5].values())}
    return tuple(sorted(found - CODES))


def compiled(folder: Path, selectors: Sequence[str]) -> dict[str, dict[str, tuple[bool, str, str]]]:
    """Return for each shipped profile, compiled with the tables of `folder`, whether a row decides, and what.

    Meant for a process of its own, for tables are read once in the life of one. A rule is told as its action, with
    its way of cleaning, and as where it is from.
    """
    stored.FOLDER = folder
    from dicomanon import standard
    from dicomanon.profile import load_profile, shipped_names

    found: dict[str, dict[str, tuple[bool, str, str]]] = {}
    for name in shipped_names():
        profile = load_profile(name)
        rules = found[name] = {}
        for selector in selectors:
            if selector in profile.masks:
                listed, rule = True, profile.masks[selector]
            elif selector == PRIVATE or "X" in selector:
                continue
            else:
                tag = int(selector, 16)
                listed = tag in profile.rules
                rule = profile.rule_for(tag, standard.vr_of(tag) or "UN")
            action = f"{rule.code} ({rule.cleaner})" if rule.cleaner else rule.code
            rules[selector] = (listed, action, rule.selector)
    return found


def effects(before: Sequence[Row], after: Sequence[Row], folder: Path) -> dict[str, Effect]:
    """Return what becomes of each shipped profile when Table E.1-1 is another one; `folder` has the new tables."""
    names = {row[0]: row[1] for row in (*before, *after)}
    selectors = sorted(names)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        old, new = pool.map(compiled, (stored.FOLDER, folder), (selectors, selectors))
    return {profile: _effect(old[profile], new[profile], names) for profile in new}


def _effect(
    old: Mapping[str, tuple[bool, str, str]],
    new: Mapping[str, tuple[bool, str, str]],
    names: Mapping[str, str],
) -> Effect:
    lines: dict[str, list[tuple[str, ...]]] = {"actions": [], "new_rows": [], "lost_rows": []}
    absent = (False, "", "")
    for selector, name in sorted(names.items()):
        (had, before, by), (has, after, through) = old.get(selector, absent), new.get(selector, absent)
        before, after = before if had else f"{before} by {by}", after if has else f"{after} by {through}"
        kind = "new_rows" if has and not had else "lost_rows" if had and not has else "actions"
        if kind != "actions" or before != after:
            lines[kind].append((shown_key((selector,)), name, before, after))
    return Effect(**{kind: tuple(found) for kind, found in lines.items()})


def in_supplement(added: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return new rows of Table E.1-1 that the supplement decides as well: its row would win, so it has to go."""
    import tomllib

    from dicomanon.profile import shipped_folder

    text = (shipped_folder() / "supplement.toml").read_text(encoding="utf-8")
    tags = {line["tag"] for line in tomllib.loads(text)["row"]}
    return tuple(line for line in added if line[0] in tags)


def report(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return what a book changes, as plain data, and its tables; raises UsageError."""
    edition, found = tables_of(path)
    old = {name: stored.load(name)["rows"] for name in LAYOUTS}
    differences = {name: difference(LAYOUTS[name], old[name], found[name]["rows"]) for name in LAYOUTS}
    codes = unknown_codes(found["e1-1"]["rows"])
    changed: dict[str, Effect] = {}
    if not codes:
        with tempfile.TemporaryDirectory() as folder:
            for data in stored.FOLDER.glob("*.json"):
                (Path(folder) / data.name).write_bytes(data.read_bytes())
            _write(Path(folder), found)
            changed = effects(old["e1-1"], found["e1-1"]["rows"], Path(folder))
    return {
        "shipped": stored.EDITION,
        "book": edition,
        "unknown actions": list(codes),
        "tables": {name: asdict(one) for name, one in differences.items()},
        "supplement": [list(line) for line in in_supplement(differences["e1-1"].added)],
        "profiles": {name: asdict(one) for name, one in changed.items()},
    }, found


def _write(folder: Path, found: Mapping[str, Mapping[str, Any]]) -> None:
    for name, content in found.items():
        write(folder, name, content)


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield a report in words, a line for each thing."""
    yield f"shipped {told['shipped']}, book {told['book']}"
    for code in told["unknown actions"]:
        yield f"unknown action {code}: no profile can be compiled"
    for table, found in told["tables"].items():
        counts = ", ".join(f"{len(found[kind])} {kind}" for kind in ("added", "removed", "changed"))
        yield f"Table {LAYOUTS[table].label}: {counts}"
        for kind in ("added", "removed"):
            yield from (f"  {kind} {' | '.join(row)}" for row in found[kind])
        for change in found["changed"]:
            words = f"{change['before'] or 'nothing'} -> {change['after'] or 'nothing'}"
            yield f"  changed {change['key']} {change['name']}: {change['column']}: {words}"
    for row in told["supplement"]:
        yield f"supplement: {row[0]} {row[1]} has a row in the table now: take it out of profiles/supplement.toml"
    for profile, effect in told["profiles"].items():
        counts = ", ".join(f"{len(found)} {kind.replace('_', ' ')}" for kind, found in effect.items())
        yield f"profile {profile}: {counts}"
        for kind, found in effect.items():
            word = kind.replace("_", " ").rstrip("s")
            yield from (f"  {word} {tag} {name}: {before} -> {after}" for tag, name, before, after in found)


def differs(told: Mapping[str, Any]) -> bool:
    """Tell whether there is anything to move for."""
    return any(found[kind] for found in told["tables"].values() for kind in found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python tools/edition.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("docbook", type=Path, help="part15.xml of NEMA, an edition of PS3.15 as DocBook")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help="write the tables of the book into --data")
    parser.add_argument("--data", type=Path, default=stored.FOLDER, help="folder of the data files")
    chosen = parser.parse_args(arguments)
    try:
        told, found = report(chosen.docbook)
        if chosen.write:
            _check_writable(told)
            _write(chosen.data, found)
    except DicomanonError as error:
        print(f"edition: {error}", file=sys.stderr)
        return 2
    if chosen.json:
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print(*lines(told), sep="\n")
        if chosen.write:
            print(f"written; what is left to do is in CONTRIBUTING.md (EDITION = {told['book']!r}, ...)")
    return 0 if chosen.write or not differs(told) else 1


def _check_writable(told: Mapping[str, Any]) -> None:
    if told["unknown actions"]:
        raise UsageError("there are actions that no profile can carry out; nothing was written")
    if told["book"] < told["shipped"]:
        raise UsageError(f"{told['book']} is older than {told['shipped']}; nothing was written")


if __name__ == "__main__":
    sys.exit(main())
