"""The files a run is to take, out of the files and folders that were named."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Inputs(NamedTuple):
    """The files a run is to take, in order, the folders that could not be looked into, and hidden files left out."""

    files: list[Path]
    unreadable: list[Path]
    hidden: list[Path]

    @property
    def expected(self) -> int:
        """How many results a run will have: hidden files have none."""
        return len(self.files) + len(self.unreadable)


def find_inputs(given: Iterable[Path], out: Path | None = None, *, hidden: bool = False) -> Inputs:
    """Take the files named, and every file below the folders named, hidden ones if asked, but nothing below `out`.

    Links to folders are followed, each folder once.
    """
    found = Inputs([], [], [])
    avoided = out.resolve() if out else None
    for path in given:
        if not path.is_dir():
            found.files.append(path)
            continue
        inside = sorted(each for each in _below(path, avoided, found.unreadable) if _is_file(each))
        for each in inside:
            passed_over = not hidden and each.name.startswith(".")
            (found.hidden if passed_over else found.files).append(each)
    return found


def is_taken(path: Path, given: Iterable[Path]) -> bool:
    """Tell whether a file is among those that `find_inputs` takes: named, or below a folder named and not hidden."""
    named = frozenset(given)
    # A path that begins by going up has parents that it does not lie in.
    folders = (each for each in path.parents if ".." not in path.parts[len(each.parts) :])
    return path in named or (not path.name.startswith(".") and any(each in named for each in folders))


def _below(top: Path, avoided: Path | None, unreadable: list[Path]) -> Iterator[Path]:
    seen = {top.resolve()}
    for folder, folders, names in os.walk(top, onerror=partial(_note, unreadable), followlinks=True):
        here = Path(folder)
        entered = []
        for name in sorted(folders):
            real = (here / name).resolve()
            # What was named may itself lie below the output folder: only a link leads there unasked.
            forbidden = (real, *real.parents) if (here / name).is_symlink() else (real,)
            if real not in seen and avoided not in forbidden:
                seen.add(real)  # a link may lead back to where it stands
                entered.append(name)
        folders[:] = entered
        yield from (here / name for name in names)


def _note(unreadable: list[Path], error: OSError) -> None:
    unreadable.append(Path(str(error.filename)))


def _is_file(path: Path) -> bool:
    try:
        # A link that leads nowhere is taken: opening it will say so.
        return path.is_file() or (path.is_symlink() and not path.exists())
    except OSError:  # opening it will say why not
        return True
