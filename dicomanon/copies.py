"""Vendor slides copied in their own format without their identifiers, one by one, by as many processes as asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dicomanon.batch import Result, run_over
from dicomanon.errors import DicomanonError, UnknownSlideError
from dicomanon.inputs import find_inputs
from dicomanon.pseudonym import Pseudonymizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_IS_DICOM = "this is DICOM already: `dicomanon deid` takes it, without --native"


def copy_slides(inputs: Iterable[Path], out: Path, key: bytes, processes: int = 1) -> Iterator[list[Result]]:
    """Copy vendor slides, and those in folders, to `out` in their own format; yield the result of each slide.

    The new name is a keyed pseudonym of the content: the same slide has the same name under the same key.
    """
    given = list(inputs)
    work = partial(_copy, out=out, key=key, named=frozenset(given))
    yield from run_over(work, find_inputs(given, out), out, processes)


def _copy(path: Path, out: Path, key: bytes, named: frozenset[Path]) -> list[Result]:
    from dicomanon.native import deidentify_native  # heavy
    from dicomanon.sources import claims, looks_like_slide, open_slide  # heavy

    try:
        if any(each.is_dicom for each in claims(path)):
            word = "quarantined" if path in named else "skipped"
            return [Result(str(path), word, UnknownSlideError.reason, _IS_DICOM)]
        with open_slide(path, named=path in named) as slide:
            digest = slide.fingerprint
        name = Pseudonymizer(key).identifier("native slide", digest)
        done = deidentify_native(path, out, name)
    except OSError:
        return [Result(str(path), "quarantined", "unreadable", "the file cannot be read")]
    except DicomanonError as error:
        passed_over = isinstance(error, UnknownSlideError) and not looks_like_slide(path)
        word = "skipped" if passed_over and path not in named else "quarantined"
        return [Result(str(path), word, error.reason, str(error))]
    said = "; ".join(f"{each.name} {each.done}" for each in done.levels if each.reached)
    message = f"anonymised to level {done.level} of Bisson et al. 2023: {said}"
    return [Result(str(path), "cleared", message=message, output=done.path.name, size=done.size)]
