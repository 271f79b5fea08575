"""Moving to another edition of PS3.15: what differs, what that does to profiles and options, and when it is written."""

from __future__ import annotations

import copy
import json
from html import escape
from typing import TYPE_CHECKING, Any

import pytest

from dicomanon import standard
from dicomanon.profile import load_profile, option_keywords, shipped_names
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
ICC_PROFILE = "00282000"
OPTIONS = option_keywords()
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
        (lost,) = effect.pop("lost_rows")
        assert lost[0] == "(3004,007F)"
        assert not any(effect.values())
    assert data_files() == before


def test_the_stored_difference_since_2023b_undone_on_the_shipped_table_is_found_again(
    standard_folder: Path,
) -> None:
    """No book of 2023b is at hand: its table is ours without the rows and cells that the stored difference names."""
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
    assert sorted(told["options"]) == OPTIONS
    for effect in (*told["profiles"].values(), *told["options"].values()):
        assert not any(effect.values())


def altered(folder: Path, label: str, *changes: tuple[list[str], list[str]]) -> Path:
    """Write a book of 2027a in which rows of one table are others; a row that begins or ends is an empty one."""
    tables = cells_of_books()
    for before, after in changes:
        if before:
            tables[label].remove(before)
        if after:
            tables[label].append(after)
    return docbook(folder, "2027a", tables)


def test_rows_of_concepts_that_come_go_or_change_are_told_with_what_becomes_of_content_items(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {(row[1], row[3]): row for row in cells_of_books()["E.3.4-1"]}
    gone, other = rows["121022", "TEXT"], rows["126201", "DATE"]
    new = ["Stain Remark", "999901", "DCM", "TEXT", "N", "Y", "X", *[""] * len(CONCEPT_OPTIONS)]
    changed = [*other[:7], *[""] * len(CONCEPT_OPTIONS)]
    book = altered(tmp_path, "E.3.4-1", (gone, []), ([], new), (other, changed))
    code, told = document(capsys, book)

    table = told["tables"]["e3-4-1"]
    assert code == 1
    assert [line[0] for line in table["added"]] == ["999901 DCM TEXT"]
    assert [line[0] for line in table["removed"]] == ["121022 DCM TEXT"]
    assert {line["key"] for line in table["changed"]} == {"126201 DCM DATE"}
    own = told["profiles"]["research-wsi"]["concepts"]
    assert [
        "999901 DCM TEXT",
        "Stain Remark",
        "D in a tree, X in preparation steps by its value type",
        "X",
    ] in own
    assert ["126201 DCM DATE", "Acquisition Date", "C", "X"] in own
    assert {line[0] for line in own} == {"999901 DCM TEXT", "121022 DCM TEXT", "126201 DCM DATE"}
    assert told["profiles"]["basic"]["concepts"] == []  # its content sequences go as a whole
    plain = {line[0] for line in told["options"]["clean-structured-content"]["concepts"]}
    assert plain == {"999901 DCM TEXT", "121022 DCM TEXT"}  # its dates go with or without the cells


def test_rows_of_safe_private_attributes_are_told_with_what_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row[4]: row for row in cells_of_books()["E.3.10-1"]}
    gone, other = rows["DLP"], next(row for row in rows.values() if row[2] == "DS" and row[4] != "DLP")
    new = ["(0099,xx10)", "SCANNER 1.0", "DS", "1", "Focus Score"]
    book = altered(tmp_path, "E.3.10-1", (gone, []), ([], new), (other, [*other[:2], "FD", *other[3:]]))
    code, told = document(capsys, book)

    table = told["tables"]["e3-10-1"]
    assert (code, [line[0] for line in table["added"]]) == (1, ["SCANNER 1.0 0099 10"])
    assert [line[0] for line in table["removed"]] == ["ELSCINT1 00E1 21"]
    assert [(line["column"], line["before"], line["after"]) for line in table["changed"]] == [
        ("VR", "DS", "FD")
    ]
    private = {line[0]: line[2:] for line in told["options"]["retain-safe-private"]["private"]}
    assert private["SCANNER 1.0 0099 10"] == ["goes", "stays as DS"]
    assert private["ELSCINT1 00E1 21"] == ["stays as DS", "goes"]
    assert ["stays as DS", "stays as FD"] in private.values()
    assert len(private) == 3
    assert all(effect["private"] == [] for effect in told["profiles"].values())


def test_a_row_that_costs_an_option_its_claim_is_told_for_that_option_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    icc = attribute_cells([ICC_PROFILE, "ICC Profile", False, True, "X", {}])
    code, told = document(capsys, altered(tmp_path, "E.1-1", ([], icc)))

    assert code == 1
    claims = [["(0012,0064)", "De-identification Method Code Sequence", "113100", "nothing"]]
    found = {word: effect["flags"] for word, effect in told["options"].items() if effect["flags"]}
    assert found == {"keep-icc-text": claims}
    assert told["profiles"]["basic"]["flags"] == []


def test_a_cell_of_an_option_is_told_for_that_option_and_for_profiles_that_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (name,) = [row for row in shipped() if row[0] == "00400241"]
    kept = [*name[:5], {**name[5], "retainDeviceIdentity": "K"}]
    _, told = document(capsys, altered(tmp_path, "E.1-1", (attribute_cells(name), attribute_cells(kept))))

    title = ["(0040,0241)", "Performed Station AE Title", "C (title)", "K"]
    assert told["options"].pop("retain-device-identity")["actions"] == [title]
    for effect in (*told["profiles"].values(), *told["options"].values()):
        assert not any(effect.values())


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
    assert not any(told["options"]["retain-uids"].values())  # all of it becomes of the basic profile too
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

    assert (code, told["unknown actions"], told["profiles"], told["options"]) == (1, ["Q"], {}, {})
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
