"""Statements made for tests, and their tables read back from what was rendered."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from lxml import html

from dicomanon.statement import as_markdown, as_page, of_config, of_profile, statement

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.statement import Statement, Subject

NODE = """
[node]
ae_title = "CLEANROOM"
host = "192.0.2.7"
port = 11119
spool = "spool-nobody-shall-read-of"
max_pdu = 65536
max_associations = 7
max_header = 8388608

[node.timeouts]
connect = 3
response = 222

[[route]]
name = "study-a"
key = "keys-nobody-shall-read-of/study-a.key"
calling = ["PACS", "SCANNER1"]
destinations = ["dicom://ORTHANC@archive.example:4242?calling=HIDDENTITLE", "folder-nobody-shall-read-of"]

[[route]]
name = "study-b"
profile = "basic"
options = ["retain-uids", "retain-institution-identity"]
scope = "scope-nobody-shall-read-of"
calling = ["OTHER"]
destinations = ["file:///folder-nobody-shall-read-of/b"]
"""
SECRET = re.compile(r"nobody-shall-read-of|HIDDENTITLE")


def of_files(profile: str, *options: str) -> Statement:
    return statement(of_profile(profile, options))


def node(folder: Path, text: str = NODE) -> Subject:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return of_config(path)


def page(document: Statement) -> Any:
    """Parse the HTML page."""
    return html.document_fromstring(as_page(document))


def page_tables(document: Statement) -> dict[str, list[list[str]]]:
    """Body rows of every table of the HTML page by the table's id."""
    return {
        table.get("id", ""): [
            [cell.text_content() for cell in row.iterfind("td")] for row in table.iterfind("tbody/tr")
        ]
        for table in page(document).iter("table")
    }


def markdown_tables(document: Statement) -> dict[str, list[list[str]]]:
    """Body rows of every labelled table of the Markdown text by the table's id; what was escaped is plain again."""
    found: dict[str, list[list[str]]] = {}
    name, line_number = "", 0
    for line in as_markdown(document).splitlines():
        labelled = re.match(r'\*\*<a id="(table-[^"]+)"></a>', line)
        if labelled:
            name, line_number = labelled[1], 0
        elif name and line.startswith("| "):
            line_number += 1
            if line_number > 2:
                found.setdefault(name, []).append(cells(line))
        elif line and name and line_number:
            name = ""
    return found


def cells(line: str) -> list[str]:
    """Cells of one line of a Markdown table, as a reader of GitHub's tables splits it."""
    parts = re.split(r"(?<!\\)\|", line.strip())[1:-1]
    plain = [re.sub(r"\\(.)", r"\1", part.strip()) for part in parts]
    return [unescape(part) for part in plain]
