"""The statement follows PS3.2 Annex N, has what PS3.15 E.1.3 wants, and names nothing that is nobody's business."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from lxml import html

from dicomanon.errors import ProfileError
from dicomanon.statement import as_markdown, as_page, of_profile, statement
from dicomanon.statement.model import Table
from dicomanon.statement.tables import tables
from dicomanon.statement.template import TEMPLATE
from tests.statement.documents import NODE, SECRET, cells, node, of_files, page, page_tables

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.statement import Statement

ITEMS = (
    "E.1.3 (1) removed",
    "E.1.3 (2) dummies",
    "E.1.3 (3) encrypted",
    "E.1.3 (4) integrity",
    "E.1.3 (5) inserted",
    "E.1.3 (6) transfer syntaxes",
    "E.1.3 (7) options",
    "E.1.3 (8) restrictions",
)
TEMPLATE_LABELS = ("N.5-10", "N.5-11", "N.5-12", "N.8-7", "N.11-6")
HOSTILE = """
name = "<script>alert(1)</script> | `x` [y](z) *b* & co"
title = "a|b\\\\ </table>"
extends = "basic"

[[override]]
keyword = "PatientComments"
action = "X"
reason = "a | b <img src=x> _c_"
"""


@pytest.fixture(params=["files", "node"])
def document(request: pytest.FixtureRequest, tmp_path: Path) -> Statement:
    return statement(of_profile() if request.param == "files" else node(tmp_path))


def test_the_eight_things_that_the_standard_wants_have_a_section_with_content(document: Statement) -> None:
    marked = {section.mark: section for section in document.sections if section.mark}
    shown = [element.text_content() for element in page(document).find_class("mark")]

    for item in ITEMS:
        assert marked[item].blocks
        assert shown.count(item) == 1
        assert item in re.sub(r"\\(.)", r"\1", as_markdown(document))


def test_sections_come_in_the_order_of_the_template_and_none_lacks_its_parent(document: Statement) -> None:
    numbers = [section.number for section in document.sections]
    keys = [
        [int(part) if part.isdigit() else 100 + ord(part) for part in number.split(".")] for number in numbers
    ]

    assert [number for number in numbers if "." not in number] == [*"12345678", "A"]
    assert keys == sorted(keys)
    assert all(number.rpartition(".")[0] in ("", *numbers) for number in numbers)
    for wanted in ("1.6", "5.2.5.1", "5.2.5.2", "6.2", "7", "8.4.4", "A.C.2.6"):
        assert wanted in numbers


def test_the_tables_that_the_template_numbers_are_there(document: Statement) -> None:
    labels = {
        block.label for section in document.sections for block in section.blocks if isinstance(block, Table)
    }

    for label in TEMPLATE_LABELS:
        assert any(found == label or found.startswith(f"{label}.") for found in labels)


def test_every_place_of_the_page_has_one_name_and_every_link_leads_to_one(document: Statement) -> None:
    tree = page(document)
    names = Counter(tree.xpath("//@id"))
    links = tree.xpath("//a/@href")

    assert max(names.values()) == 1
    assert len(links) == len(document.sections)
    assert all(link.startswith("#") and link[1:] in names for link in links)


def test_every_link_of_the_markdown_leads_to_one_place(document: Statement) -> None:
    text = as_markdown(document)
    names = Counter(re.findall(r'<a id="([^"]+)"></a>', text))

    assert max(names.values()) == 1
    for link in re.findall(r"\]\(#([^)]+)\)", text):
        assert link in names


def test_the_page_is_well_formed_and_loads_nothing_from_elsewhere(document: Statement) -> None:
    text = as_page(document)
    parser = html.HTMLParser(recover=False)
    tree: Any = html.document_fromstring(text, parser=parser)

    unknown = [str(error.message) for error in parser.error_log if "Tag" not in str(error.message)]
    assert unknown == []  # libxml2 does not know section, nav and header
    assert tree.xpath("//script | //link | //img | //iframe | //@src | //@style") == []
    assert "url(" not in text
    assert "@import" not in text


def test_every_line_of_a_markdown_table_has_as_many_cells_as_its_head(document: Statement) -> None:
    blocks = [
        [line for line in block.splitlines() if line.startswith("|")]
        for block in as_markdown(document).split("\n\n")
    ]
    grids = [block for block in blocks if block]

    assert len(grids) > 20
    for grid in grids:
        assert {len(cells(line)) for line in grid} == {len(cells(grid[0]))}
        assert set(cells(grid[1])) == {"---"}


def test_a_profile_cannot_put_markup_into_the_statement(tmp_path: Path) -> None:
    path = tmp_path / "hostile.toml"
    path.write_text(HOSTILE, encoding="utf-8")
    document = of_files(str(path))
    tree = page(document)

    assert tree.xpath("//script | //img") == []
    assert "<script>alert(1)</script> | `x` [y](z) *b* & co (no option)" in tree.text_content()
    row = next(row for row in page_tables(document)["table-n-11-6"] if row[1] == "(0010,4000)")
    assert row[4].endswith("reason: a | b <img src=x> _c_")
    assert "<script>" not in as_markdown(document)
    assert "<img" not in as_markdown(document)


def test_neither_keys_nor_folders_nor_scopes_nor_hidden_titles_are_named(tmp_path: Path) -> None:
    document = statement(node(tmp_path))

    for text in (as_page(document), as_markdown(document)):
        assert not SECRET.search(text)
        assert str(tmp_path) not in text
        assert str(TEMPLATE.parents[2]) not in text
        assert not re.search(r"(?<![\w.])/(home|root|work|opt|tmp|srv|etc)/", text)


def test_hosts_are_those_that_the_configuration_names_and_no_others(tmp_path: Path) -> None:
    text = as_page(statement(node(tmp_path)))
    addresses = set(re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text)) - {"5.2.5.1", "5.2.5.2"}
    names = set(re.findall(r"\b[a-z][a-z0-9-]*\.(?:example|local|com|org|net|localdomain)\b", text))

    assert addresses == {"192.0.2.7"}
    assert names == {"archive.example"}


def test_every_table_that_can_be_made_has_a_place_in_the_prose(tmp_path: Path) -> None:
    sections = tomllib.loads(TEMPLATE.read_text(encoding="utf-8"))["section"]
    blocks = [block for section in sections for block in section.get("blocks", ()) if isinstance(block, dict)]
    named = Counter(block.get("table") or block["node_table"] for block in blocks if "able" in "".join(block))

    assert named == Counter(dict.fromkeys(tables(node(tmp_path)), 1))


def test_the_digest_of_the_rules_tells_profiles_apart_and_nothing_else() -> None:
    basic, again = (dict(of_files("basic").facts)["Digest of the rules"] for _ in range(2))

    assert basic == again
    assert basic != dict(of_files("basic", "retain-uids").facts)["Digest of the rules"]


def test_without_a_configuration_no_service_is_claimed() -> None:
    document = of_files("research-wsi")
    found = page_tables(document)

    assert {tuple(row[1:]) for row in found["table-1-2-1"]} == {("N", "N")}
    assert not any(name.startswith("table-7-") for name in found)
    assert "CLEANROOM" not in as_page(document)
    assert ["Verification", "N", "Y"] not in found["table-1-2-1"]


def test_an_unknown_profile_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ProfileError, match="did you mean 'basic'"):
        of_profile("basik")


def test_a_node_with_one_route_has_one_table_of_elements(tmp_path: Path) -> None:
    one = NODE[: NODE.index('[[route]]\nname = "study-b"')]

    assert "table-n-11-6" in page_tables(statement(node(tmp_path, one)))
    assert {"table-n-11-6-1", "table-n-11-6-2"} <= set(page_tables(statement(node(tmp_path))))
