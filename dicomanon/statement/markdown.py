"""A statement as Markdown: GitHub's tables, every value escaped, an anchor for every section and table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dicomanon.statement.model import Bullets, Contents, Paragraph, Table, anchor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.statement.model import Block, Row, Section, Statement

DEEPEST_HEADING = 6


def as_markdown(statement: Statement) -> str:
    """Return the whole document, with one line break at its end."""
    return "\n\n".join(_parts(statement)) + "\n"


def _parts(statement: Statement) -> Iterator[str]:
    yield f"# {_text(statement.title)}"
    yield _grid(("Item", "Value"), statement.facts)
    for section in statement.sections:
        level = "#" * min(section.depth + 1, DEEPEST_HEADING)
        places = [
            anchor("section", section.number),
            *([anchor("mark", section.mark)] if section.mark else ()),
        ]
        anchors = "".join(f'<a id="{place}"></a>' for place in places)
        mark = f" ({_text(section.mark)})" if section.mark else ""
        yield f"{level} {anchors}{_heading(section)}{mark}"
        for block in section.blocks:
            yield from _block(block, statement)


def _heading(section: Section) -> str:
    return f"{_text(section.number)} {_text(section.title)}"


def _block(block: Block, statement: Statement) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield _text(block.text)
    elif isinstance(block, Bullets):
        yield "\n".join(f"- {_text(point)}" for point in block.points)
    elif isinstance(block, Table):
        label = f'<a id="{anchor("table", block.label)}"></a>Table {_text(block.label)}'
        yield f"**{label}. {_text(block.title)}**"
        yield _grid(block.columns, block.rows)
    elif isinstance(block, Contents):
        yield "\n".join(
            f"{'  ' * (section.depth - 1)}- [{_heading(section)}](#{anchor('section', section.number)})"
            for section in statement.sections
        )


def _grid(columns: Row, rows: Iterable[Row]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in lines)


def _cell(text: str) -> str:
    return text if text == "---" else _text(text)


_SPECIAL = re.compile(r"[\\`*_\[\]|#~<>&]")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def _text(text: str) -> str:
    """Return text that no reader of Markdown takes for markup, on one line."""
    one_line = " ".join(text.split())
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), one_line)
