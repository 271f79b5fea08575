"""Command line of the generator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dicomanon.errors import UsageError
from dicomanon.standard.generate import dictionary as ps3_6
from dicomanon.standard.generate import iods as ps3_3
from dicomanon.standard.generate import tables
from dicomanon.standard.generate import terms as ps3_16
from dicomanon.standard.generate.docbook import Docbook
from dicomanon.standard.generate.writing import write
from dicomanon.standard.stored import EDITION

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the tables whose sources are named; IODs need the dictionary for their tags."""
    parser = argparse.ArgumentParser(prog="python -m dicomanon.standard.generate", description=main.__doc__)
    parser.add_argument("--docbook", type=Path, required=True, help="PS3.15 as DocBook")
    parser.add_argument("--dictionary", type=Path, help="PS3.6 data dictionary as JSON")
    parser.add_argument("--highdicom", type=Path, help="folder _standard of highdicom")
    parser.add_argument(
        "--terms", action="store_true", help="codes and terms of PS3.16 too, from the pydicom installed"
    )
    parser.add_argument("--edition", default=EDITION, help="edition of PS3.15 to write")
    parser.add_argument("--out", type=Path, required=True, help="folder for the data files")
    chosen = parser.parse_args(arguments)
    if chosen.highdicom and not chosen.dictionary:
        raise UsageError("--highdicom needs --dictionary")
    book = Docbook(chosen.docbook)
    write(chosen.out, "e1-1", tables.e1_1(book, chosen.edition))
    write(chosen.out, "e1-1a", tables.e1_1a(book, chosen.edition))
    write(chosen.out, "e3-4-1", tables.e3_4_1(book, chosen.edition))
    write(chosen.out, "e3-10-1", tables.e3_10_1(book, chosen.edition))
    if chosen.terms:
        write(chosen.out, "terms", ps3_16.terms())
        write(chosen.out, "codes", ps3_16.codes())
        write(chosen.out, "codes-retired", ps3_16.retired_codes())
    if chosen.dictionary:
        entries = ps3_6.dictionary(chosen.dictionary)
        write(chosen.out, "dictionary", entries)
        if chosen.highdicom:
            write(chosen.out, "iods", ps3_3.iods(chosen.highdicom, ps3_6.tags(entries)))


if __name__ == "__main__":
    main()
