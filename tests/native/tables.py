"""The tables of docs/native.md, from the catalogues: `python -m tests.native.tables` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

from dicomanon.sources import Row, catalogue

PAGE = Path(__file__).resolve().parents[2] / "docs/native.md"
FORMATS = ("aperio", "hamamatsu", "generic_tiff", "philips", "mirax", "ventana")
TREATMENTS = {
    "X": "every letter becomes X",
    "0": "every character becomes 0",
    "space": "becomes blanks",
    "date": "becomes 1900-01-01, 00:00:00 in its own layout",
    "keep": "stays",
}


def rows_of(name: str) -> list[Row]:
    """Return the rows of a format; a format whose reader is not there has none, and all of it is overwritten."""
    try:
        return list(catalogue(name).values())
    except FileNotFoundError:
        return []


def table(name: str) -> str:
    """Return what becomes of the places of one format, a line a treatment."""
    lines = ["| what happens | places |", "|---|---|"]
    rows = rows_of(name)
    for native, words in TREATMENTS.items():
        places = [f"`{row.place}`" for row in rows if row.native == native]
        if native == "X":
            places.append("whatever has no line here")
        if places:
            lines.append(f"| {words} | {', '.join(places)} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """Return the page with its tables as the catalogues say now."""

    def replaced(match: re.Match[str]) -> str:
        return f"<!-- table {match[1]} -->\n{table(match[1])}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->\n.*?<!-- end -->", replaced, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
