"""How slides are converted: what the laboratory says of them, and how pixels are encoded that have to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dicomanon.convert.laboratory import Laboratory
from dicomanon.errors import UsageError

if TYPE_CHECKING:
    from dicomanon.convert.rule import BarcodeRule
    from dicomanon.convert.table import Table
    from dicomanon.convert.worklist import Worklist

SMALLEST_PART = 1_000_000


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How slides are converted; raises UsageError.

    `spacing` is mm between pixels of the base level, for slides that do not say. `quality` is that of JPEG where
    pixels have to be encoded again; those that never lost anything are encoded without loss where `lossless` says so.
    `levels` is "make" or "keep": what becomes of a pyramid that lacks some. `max_size` is the most bytes of frames in
    one instance, the rest of an image goes into further ones. `laboratory` is said of all slides; `table` has a row for
    each, `rule` reads more out of its barcode, and `worklist` is asked for what the rest is.
    """

    laboratory: Laboratory = field(default_factory=Laboratory)
    table: Table | None = None
    rule: BarcodeRule | None = None
    worklist: Worklist | None = None
    spacing: float | None = None
    quality: int = 90
    lossless: bool = True
    levels: Literal["make", "keep"] = "make"
    max_size: int | None = None

    def __post_init__(self) -> None:
        if self.spacing is not None and not 0 < self.spacing < 1:
            raise UsageError("the spacing must be between 0 and 1 mm")
        if not 1 <= self.quality <= 100:
            raise UsageError("the quality of JPEG is a number from 1 to 100")
        if self.max_size is not None and self.max_size < SMALLEST_PART:
            raise UsageError("parts of a concatenation hold at least a megabyte")
