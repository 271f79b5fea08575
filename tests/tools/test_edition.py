"""Moving to another edition of PS3.15: what differs, what that does to each profile, and when it is written."""

from __future__ import annotations

import copy
import json
from html import escape
from typing import TYPE_CHECKING, Any

import pytest

from dicomanon import standard
from dicomanon.profile import load_profile, shipped_names
from dicomanon.standard import stored
from dicomanon.standard.table import OPTION_COLUMNS
from tools.edition import LAYOUTS, Change, difference, main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

E1_1 = LAYOUTS["e1-1"]
NEW_TAG = "001440A0"
"""An attribute of PS3.6 that neither the table nor the supplement has: its VR decides."""
SUPPLEMENT_TAG = "00209453"
CONCEPT_OPTIONS = OPTION_COLUMNS[1:8]


def shipped(name: str = "e1-1") -> list[Any]:
    return copy.deepcopy(stored.load(name)["rows"])


def by_tag(rows: Sequence[Any]) -> dict[str, Any]:
    return {row[0]: row for row in rows}


def tag_text(selector: str) -> str:
    if selector == standard.PRIVATE:
        return "(gggg,eeee) where gggg is odd"
    return f"({selector[:4]},{selector[4:]})".replace("X", "x")


def flag(value: object) -> str:
    return "Y" if value else "N"


def cells_of_books() -> dict[str, list[list[str]]]:
    """Cells of the shipped tables as the standard prints them."""
    return {
        "E.1-1": [attribute_cells(row) for row in shipped()],
        "E.1-1a": shipped("e1-1a"),
        "E.3.4-1": [
            [meaning, code, scheme, kind, flag(retired), flag(template), basic]
            + [options.get(column, "") for column in CONCEPT_OPTIONS]
            for code, scheme, meaning, kind, retired, template, basic, options in shipped("e3-4-1")
        ],
        "E.3.10-1": [
            [f"({group},xx{element})", creator, vr, vm, meaning]
            for creator, group, element, vr, vm, meaning in shipped("e3-10-1")
        ],
    }


def attribute_cells(row: Sequence[Any]) -> list[str]:
    selector, name, retired, in_iod, basic, options = row
    return [name, tag_text(selector), flag(retired), flag(in_iod), basic] + [
        options.get(column, "") for column in OPTION_COLUMNS
    ]


def docbook(folder: Path, edition: str, tables: dict[str, list[list[str]]]) -> Path:
    """Write a book of some edition with these tables."""
    parts = [
        '<book xmlns="http://docbook.org/ns/docbook">',
        f"<subtitle>DICOM PS3.15 {edition} - Security</subtitle>",
    ]
    for label, rows in tables.items():
        body = "".join(
            f"<tr>{''.join(f'<td><para>{escape(cell)}</para></td>' for cell in row)}</tr>" for row in rows
        )
        parts.append(f'<table label="{label}"><tbody>{body}</tbody></table>')
    path = folder / "part15.xml"
    path.write_text("".join([*parts, "</book>"]), encoding="utf-8")
    return path


def next_edition(folder: Path) -> Path:
    """Write a book of 2027a: Patient's Name X, two new rows, one row less, one concept otherwise."""
    tables = cells_of_books()
    rows = tables["E.1-1"]
    for row in rows:
        if row[1] == "(0010,0010)":
            row[4] = "X"
    rows[:] = [row for row in rows if row[1] != "(0040,0512)"]
    for selector, name, basic in (
        (NEW_TAG, "Image Quality Indicator Type", "X"),
        (SUPPLEMENT_TAG, "Frame Label", "Z"),
    ):
        rows.append(attribute_cells([selector, name, False, True, basic, {}]))
    tables["E.3.4-1"][0][6] = "D" if tables["E.3.4-1"][0][6] != "D" else "X"
    return docbook(folder, "2027a", tables)


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def data_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in stored.FOLDER.iterdir()}


def test_the_edition_before_ours_differs_in_one_row_and_one_capital_letter(
    standard_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = data_files()
    code, told = document(capsys, standard_folder / "part15-2026c.xml")

    assert (code, told["shipped"], told["book"]) == (1, stored.EDITION, "2026c")
    table = told["tables"].pop("e1-1")
    assert table["added"] == []
    assert table["removed"] == [["(3004,007F)", "Dose Calculation Model Name", "X"]]
    assert table["changed"] == [
        {
            "key": "(0018,11BB)",
            "name": "Acquisition Field Of View Label",
            "column": "name",
            "before": "Acquisition Field of View Label",
            "after": "Acquisition Field Of View Label",
        }
    ]
    assert all(not found[kind] for found in told["tables"].values() for kind in found)
    for effect in told["profiles"].values():
        assert effect["actions"] == effect["new_rows"] == []
        assert [line[0] for line in effect["lost_rows"]] == ["(3004,007F)"]
    assert data_files() == before


def test_what_an_independent_comparison_found_since_2023b_is_found(standard_folder: Path) -> None:
    recorded = json.loads((standard_folder / "diff-2023b-to-2026d.json").read_text())
    old = by_tag(shipped())
    for tag, _, _ in recorded["added"]:
        del old[tag.strip("()").replace(",", "").upper()]
    wanted = set()
    for tag, name, before, after in recorded["changed"]:
        selector = tag.strip("()").replace(",", "")
        was, now = ({"basic": text.partition("|")[0], **options_of(text)} for text in (before, after))
        old[selector][4] = was["basic"]
        for column in {*was, *now} - {"basic"}:
            old[selector][5].pop(column, None)
            if column in was:
                old[selector][5][column] = was[column]
        wanted |= {
            Change(tag, name, column, was.get(column, ""), now.get(column, ""))
            for column in {*was, *now}
            if was.get(column) != now.get(column)
        }

    found = difference(E1_1, [*old.values()], shipped())

    assert (len(found.added), len(found.removed), len(found.changed)) == (49, 0, 5)
    assert {(tag.upper().replace("X", "x"), name, basic) for tag, name, basic in found.added} == {
        (tag.upper().replace("X", "x"), name, basic) for tag, name, basic in recorded["added"]
    }
    assert set(found.changed) == wanted


def options_of(text: str) -> dict[str, str]:
    """Read `X|cleanDescriptors=C,retainUIDs=K`."""
    pairs = [part for part in text.partition("|")[2].split(",") if part]
    return {column: code for column, _, code in (pair.partition("=") for pair in pairs)}


def test_the_shipped_edition_has_no_difference_from_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = document(capsys, docbook(tmp_path, stored.EDITION, cells_of_books()))

    assert code == 0
    assert all(not found[kind] for found in told["tables"].values() for kind in found)
    assert sorted(told["profiles"]) == shipped_names()
    assert all(not lines for effect in told["profiles"].values() for lines in effect.values())


def test_the_next_edition_says_what_it_does_to_each_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_profile("basic").rules.keys().isdisjoint({int(NEW_TAG, 16)})
    code, told = document(capsys, next_edition(tmp_path))

    assert code == 1
    assert [line[0] for line in told["tables"]["e1-1"]["added"]] == ["(0014,40A0)", "(0020,9453)"]
    assert [line[0] for line in told["tables"]["e1-1"]["removed"]] == ["(0040,0512)"]
    assert [line["column"] for line in told["tables"]["e3-4-1"]["changed"]] == ["basic"]
    assert [line[0] for line in told["supplement"]] == ["(0020,9453)"]
    assert sorted(told["profiles"]) == shipped_names()
    basic = told["profiles"]["basic"]
    assert basic["actions"] == [["(0010,0010)", "Patient's Name", "Z", "X"]]
    assert basic["new_rows"] == [["(0014,40A0)", "Image Quality Indicator Type", "X/Z/D by VR LO", "X"]]
    assert [line[0] for line in basic["lost_rows"]] == ["(0040,0512)"]
    assert told["profiles"]["research-wsi"]["actions"] == []  # an override of its own decides


def test_nothing_is_written_unless_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = data_files()
    book = next_edition(tmp_path)

    assert main([str(book), "--data", str(tmp_path / "data")]) == 1
    assert not (tmp_path / "data").exists()
    assert data_files() == before
    said = capsys.readouterr().out
    assert "  new row (0014,40A0) Image Quality Indicator Type: " in said
    assert "  changed (0010,0010) Patient's Name: basic: Z -> X" in said


def test_what_is_written_is_the_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = data_files()
    assert main([str(next_edition(tmp_path)), "--write", "--data", str(tmp_path / "data")]) == 0
    written = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "data").iterdir()}

    assert sorted(written) == sorted(LAYOUTS)
    rows = by_tag(written["e1-1"]["rows"])
    assert rows["00100010"][4] == "X"
    assert "00400512" not in rows
    assert rows[NEW_TAG] == [NEW_TAG, "Image Quality Indicator Type", False, True, "X", {}]
    assert written["e1-1"]["edition"] == "2027a"
    assert written["e3-10-1"]["rows"] == shipped("e3-10-1")
    assert data_files() == before
    assert "CONTRIBUTING.md" in capsys.readouterr().out


def test_an_older_edition_is_not_written(
    standard_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = standard_folder / "part15-2026c.xml"

    assert main([str(book), "--write", "--data", str(tmp_path / "data")]) == 2
    assert "2026c is older than" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_an_action_that_no_profile_knows_is_named_and_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = cells_of_books()
    tables["E.1-1"][0][4] = "Q"
    book = docbook(tmp_path, "2027a", tables)
    code, told = document(capsys, book)

    assert (code, told["unknown actions"], told["profiles"]) == (1, ["Q"], {})
    assert main([str(book), "--write", "--data", str(tmp_path / "data")]) == 2
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("table", ["E.1-1", "E.3.4-1", "E.3.10-1"])
def test_a_table_with_a_column_more_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    tables = cells_of_books()
    tables[table] = [[*row, "K"] for row in tables[table]]

    assert main([str(docbook(tmp_path, "2027a", tables))]) == 2
    assert f"Table {table} has other columns" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "<book/>", '<!DOCTYPE book SYSTEM "x"><book/>'])
def test_what_is_no_book_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "part15.xml").write_text(text)

    assert main([str(tmp_path / "part15.xml")]) == 2
    assert "part15.xml" in capsys.readouterr().err
    assert main([str(tmp_path / "missing.xml")]) == 2
