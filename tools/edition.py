"""What another edition of PS3.15 changes: in its tables, and in what each shipped profile and each option does.

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
import tomllib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicomanon import standard
from dicomanon.content import LIST, TREE, Item, judge_of
from dicomanon.errors import DicomanonError, UsageError
from dicomanon.profile import CODES, load_profile, option_keywords, shipped_folder, shipped_names
from dicomanon.standard import stored
from dicomanon.standard.content import concept_for
from dicomanon.standard.generate import tables
from dicomanon.standard.generate.docbook import Docbook
from dicomanon.standard.generate.writing import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dicomanon.profile import Profile

Row = list[Any]
Key = tuple[str, ...]
Lines = tuple[tuple[str, ...], ...]
Seen = dict[str, dict[Key, tuple[bool, str]]]
"""What one profile does, by kind and key: whether a row says so, and the action in words."""
PLAIN = "basic"
OPTION = "option "
FLAGS = ("00120062", "00120064", "00280303")
"""What the output says of itself."""
TABLE_OF = {"rows": "e1-1", "concepts": "e3-4-1", "private": "e3-10-1"}
"""The data file whose rows decide each kind."""


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

    added: Lines
    removed: Lines
    changed: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of one profile or option; each line has tag or key, name, and what is done before and after.

    `actions`: rules whose action changes. `new_rows`: attributes that were decided by their VR, or removed as unknown,
    and have a row now. `lost_rows`: the other way round. `concepts`: content items that are treated otherwise.
    `private`: elements that begin or cease to be safe. `flags`: what the output says of itself.
    """

    actions: Lines = ()
    new_rows: Lines = ()
    lost_rows: Lines = ()
    concepts: Lines = ()
    private: Lines = ()
    flags: Lines = ()

    def beyond(self, other: Effect) -> Effect:
        """Return what of this effect is no part of another one."""
        mine, theirs = asdict(self), asdict(other)
        return Effect(
            **{kind: tuple(line for line in mine[kind] if line not in theirs[kind]) for kind in mine}
        )


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


def _name(layout: Layout, row: Row) -> str:
    return str(_cell(layout, row, "name" if "name" in layout.columns else "meaning"))


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
    name = _name(layout, after)
    for column, old, new in zip(layout.columns, before, after, strict=True):
        if isinstance(old, dict):
            for option in sorted(old.keys() | new.keys()):
                if old.get(option) != new.get(option):
                    yield Change(key, name, option, old.get(option, ""), new.get(option, ""))
        elif old != new:
            yield Change(key, name, column, str(old), str(new))


def unknown_codes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return actions of a Table E.1-1 that no profile can carry out."""
    found = {code for row in rows for code in (row[4], *row[5].values())}
    return tuple(sorted(found - CODES))


def compiled(folder: Path, keys: Mapping[str, Sequence[Key]]) -> dict[str, Seen]:
    """Return what each shipped profile, and each option by itself, does under the tables of `folder`.

    Meant for a process of its own, for tables are read once in the life of one. `keys` are those of rows, by kind.
    """
    stored.FOLDER = folder
    found = {name: _seen(load_profile(name), keys) for name in shipped_names()}
    for word in option_keywords():
        found[OPTION + word] = _seen(load_profile(PLAIN, (word,)), keys)
    return found


def _seen(profile: Profile, keys: Mapping[str, Sequence[Key]]) -> Seen:
    chosen = {option.keyword for option in profile.options}
    codes = ", ".join(code for code, _ in profile.codes) or "nothing"
    said = zip(FLAGS, (profile.identity_removed, codes, profile.temporal), strict=True)
    return {
        "rows": {key: _rule(profile, key[0]) for key in keys["rows"]},
        "concepts": _concepts(profile, keys["concepts"]) if "clean-structured-content" in chosen else {},
        "private": _private(keys["private"]) if "retain-safe-private" in chosen else {},
        "flags": {(tag,): (True, word) for tag, word in said},
    }


def _rule(profile: Profile, selector: str) -> tuple[bool, str]:
    """Return what decides a row of Table E.1-1, or the attribute it was about."""
    rule = profile.masks.get(selector)
    if rule is None and (selector == standard.PRIVATE or "X" in selector):
        return False, "attribute by attribute"
    tag = 0 if rule else int(selector, 16)
    listed = rule is not None or tag in profile.rules
    rule = rule or profile.rule_for(tag, standard.vr_of(tag) or "UN")
    action = f"{rule.code} ({rule.cleaner})" if rule.cleaner else rule.code
    return listed, action if listed else f"{action} by {rule.selector}"


def _concepts(profile: Profile, keys: Sequence[Key]) -> dict[Key, tuple[bool, str]]:
    judge = judge_of(profile)
    found: dict[Key, tuple[bool, str]] = {}
    for code, scheme, kind in keys:
        item = Item(kind, (code, scheme), judge.is_local((code, scheme)), b"")
        tree, steps = (judge.rule_for(item, each).code for each in (TREE, LIST))
        listed = concept_for(code, scheme, kind) is not None
        action = tree if tree == steps else f"{tree} in a tree, {steps} in preparation steps"
        found[code, scheme, kind] = listed, action if listed else f"{action} by its value type"
    return found


def _private(keys: Sequence[Key]) -> dict[Key, tuple[bool, str]]:
    rows = standard.safe_private()
    found = {key: rows.get((key[0], int(key[1], 16), int(key[2], 16))) for key in keys}
    return {
        key: (row is not None, f"stays as {'/'.join(row.vrs) or 'a number'}" if row else "goes")
        for key, row in found.items()
    }


def effects(before: Mapping[str, Any], after: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what becomes of `profiles`, and of `options` beyond what becomes of `basic`, as plain data.

    `before` and `after` are tables by the name of their data file; `folder` has those of `after`.
    """
    names: dict[str, dict[Key, str]] = {
        "flags": {(tag,): standard.name_of(int(tag, 16)) or "" for tag in FLAGS}
    }
    for kind, table in TABLE_OF.items():
        rows = (*before[table]["rows"], *after[table]["rows"])
        names[kind] = {_key(LAYOUTS[table], row): _name(LAYOUTS[table], row) for row in rows}
    keys = {kind: sorted(found) for kind, found in names.items()}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        old, new = pool.map(compiled, (stored.FOLDER, folder), (keys, keys))
    found = {word: _effect(old[word], new[word], names) for word in new}
    options = [word for word in found if word.startswith(OPTION)]
    return {
        "profiles": {word: asdict(found[word]) for word in found if word not in options},
        "options": {word.removeprefix(OPTION): asdict(found[word].beyond(found[PLAIN])) for word in options},
    }


def _effect(old: Seen, new: Seen, names: Mapping[str, Mapping[Key, str]]) -> Effect:
    found: dict[str, list[tuple[str, ...]]] = {}
    for kind in new:
        for key in sorted(new[kind]):
            (had, before), (has, after) = old[kind][key], new[kind][key]
            if had == has and before == after:
                continue
            word = "new_rows" if has and not had else "lost_rows" if had and not has else "actions"
            line = (shown_key(key), names[kind][key], before, after)
            found.setdefault(word if kind == "rows" else kind, []).append(line)
    return Effect(**{kind: tuple(each) for kind, each in found.items()})


def in_supplement(added: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return new rows of Table E.1-1 that the supplement decides as well: its row would win, so it has to go."""
    text = (shipped_folder() / "supplement.toml").read_text(encoding="utf-8")
    tags = {line["tag"] for line in tomllib.loads(text)["row"]}
    return tuple(line for line in added if line[0] in tags)


def report(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return what a book changes, as plain data, and its tables; raises UsageError."""
    edition, found = tables_of(path)
    old = {name: stored.load(name) for name in LAYOUTS}
    differences = {
        name: difference(layout, old[name]["rows"], found[name]["rows"]) for name, layout in LAYOUTS.items()
    }
    codes = unknown_codes(found["e1-1"]["rows"])
    changed: dict[str, Any] = {"profiles": {}, "options": {}}
    if not codes:
        with tempfile.TemporaryDirectory() as folder:
            for data in stored.FOLDER.glob("*.json"):
                (Path(folder) / data.name).write_bytes(data.read_bytes())
            _write(Path(folder), found)
            changed = effects(old, found, Path(folder))
    return {
        "shipped": stored.EDITION,
        "book": edition,
        "unknown actions": list(codes),
        "tables": {name: asdict(one) for name, one in differences.items()},
        "supplement": [list(line) for line in in_supplement(differences["e1-1"].added)],
        **changed,
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
        yield from _effect_lines(f"profile {profile}", effect)
    for option, effect in told["options"].items():
        if any(effect.values()):
            yield from _effect_lines(f"option {option}, beyond what becomes of {PLAIN}", effect)


def _effect_lines(subject: str, effect: Mapping[str, Any]) -> Iterator[str]:
    counts = ", ".join(f"{len(found)} {kind.replace('_', ' ')}" for kind, found in effect.items())
    yield f"{subject}: {counts}"
    for kind, found in effect.items():
        word = kind.replace("_", " ").rstrip("s")
        yield from (f"  {word} {key} {name}: {before} -> {after}" for key, name, before, after in found)


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
