"""Write docs/commands.md: the help of every verb, as the program prints it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dicomanon.cli import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"


def page() -> str:
    """Return the page."""
    parts = [
        "# Commands\n\nMade by `python scripts/commands_page.py`; a test compares it with the program.\n"
    ]
    for name in ("", *sorted(app.commands)):
        command = app.commands[name] if name else app
        words = f"dicomanon {name}".strip()
        with click.Context(
            command,
            info_name=words,
            max_content_width=100,
            terminal_width=100,
            help_option_names=app.context_settings["help_option_names"],
        ) as context:
            parts.append(f"## {words}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
