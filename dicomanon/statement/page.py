"""A statement as one HTML page: nothing is loaded from elsewhere, every value is escaped, and it prints."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from dicomanon.statement.model import Bullets, Contents, Paragraph, Table, anchor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.statement.model import Block, Section, Statement

STYLE = Path(__file__).parent / "page.css"
DEEPEST_HEADING = 6
_CODE = re.compile(
    r"\([0-9A-Fagxy]{4},[0-9A-Faexy]{4}\)|[0-9A-F]{4}(?:-[0-9A-F]{4})?|[XZDUKC](?:/[XZDU]\*?)*"
)
_UID = re.compile(r"[0-9]+(?:\.[0-9]+){3,}")


def as_page(statement: Statement) -> str:
    """Return the whole document."""
    return "\n".join(_lines(statement)) + "\n"


def _lines(statement: Statement) -> Iterator[str]:
    title = escape(statement.title)
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>"
    yield f"<style>\n{STYLE.read_text(encoding='utf-8')}</style></head>"
    yield "<body><main>"
    yield f'<header class="cover"><h1>{title}</h1><dl>'
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in statement.facts)
    yield "</dl></header>"
    for section in statement.sections:
        yield from _section(section, statement)
    yield f"<footer>{title}</footer>"
    yield "</main></body></html>"


def _section(section: Section, statement: Statement) -> Iterator[str]:
    level = min(section.depth + 1, DEEPEST_HEADING)
    mark = (
        f'<span class="mark" id="{anchor("mark", section.mark)}">{escape(section.mark)}</span>'
        if section.mark
        else ""
    )
    number = f'<span class="number">{escape(section.number)}</span>'
    yield f'<section id="{anchor("section", section.number)}">'
    yield f"<h{level}>{number}{escape(section.title)}{mark}</h{level}>"
    for block in section.blocks:
        yield from _block(block, statement)
    yield "</section>"


def _block(block: Block, statement: Statement) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield f"<p>{escape(block.text)}</p>"
    elif isinstance(block, Bullets):
        yield f"<ul>{''.join(f'<li>{escape(point)}</li>' for point in block.points)}</ul>"
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Contents):
        yield "<nav><ol>"
        for section in statement.sections:
            words = f"{escape(section.number)} {escape(section.title)}"
            yield f'<li class="level-{section.depth}"><a href="#{anchor("section", section.number)}">{words}</a></li>'
        yield "</ol></nav>"


def _table(table: Table) -> Iterator[str]:
    yield f'<div class="wide"><table id="{anchor("table", table.label)}">'
    yield f"<caption>Table {escape(table.label)}. {escape(table.title)}</caption>"
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    yield f"<thead><tr>{head}</tr></thead><tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(_cell(cell) for cell in row)}</tr>"
    yield "</tbody></table></div>"


def _cell(text: str) -> str:
    kind = "code" if _CODE.fullmatch(text) else "uid" if _UID.fullmatch(text) else ""
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"
