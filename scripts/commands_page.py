"""Write docs/commands.md: the help of every verb, as the program prints it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dicomanon.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"


def page() -> str:
    """Return the page."""
    parts = [
        "# Commands\n\nMade by `python scripts/commands_page.py`; a test compares it with the program.\n"
    ]
    for words, command in _commands("dicomanon", app):
        with click.Context(
            command,
            info_name=words,
            max_content_width=100,
            terminal_width=100,
            help_option_names=app.context_settings["help_option_names"],
        ) as context:
            parts.append(f"## {words}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _commands(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and those below it, by name, each with the words that call it."""
    yield words, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(f"{words} {name}", command.commands[name])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
