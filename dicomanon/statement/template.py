"""The prose of the statement out of `template.toml`, with tables and facts put in their places."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicomanon.statement.model import Block, Bullets, Paragraph, Section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TEMPLATE = Path(__file__).parent / "template.toml"
KINDS = ("node", "files")


def fill(
    kind: str, tables: Mapping[str, Callable[[], tuple[Block, ...]]], facts: Mapping[str, str]
) -> tuple[Section, ...]:
    """Return the sections that are there for a `node` or for `files`; raises KeyError for a word nobody fills in."""
    read = tomllib.loads(TEMPLATE.read_text(encoding="utf-8"))["section"]
    return tuple(
        Section(
            section["number"],
            section["title"].format_map(facts),
            tuple(
                block
                for written in section.get("blocks", ())
                for block in _blocks(written, kind, tables, facts)
            ),
            section.get("mark", ""),
        )
        for section in read
        if section.get("only", kind) == kind
    )


def _blocks(
    written: Any, kind: str, tables: Mapping[str, Callable[[], tuple[Block, ...]]], facts: Mapping[str, str]
) -> Iterator[Block]:
    if isinstance(written, str):
        yield Paragraph(written.format_map(facts))
    elif isinstance(written, list):
        yield Bullets(tuple(point.format_map(facts) for point in written))
    else:
        ((key, value),) = written.items()
        if key == "table" or (kind == "node" and key == "node_table"):
            yield from tables[value]()
        elif key == kind:
            yield Paragraph(value.format_map(facts))
