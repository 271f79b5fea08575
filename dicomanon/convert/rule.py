"""A rule that reads more out of a barcode: a regular expression whose groups are named as the columns of a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.convert.laboratory import COLUMNS, Laboratory, said
from dicomanon.errors import SlideError, UsageError

if TYPE_CHECKING:
    from re import Pattern

_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class BarcodeRule:
    r"""Parts of a barcode by name, such as `(?P<accession_number>S\d\d-\d+)-(?P<block_identifier>\w+)`."""

    pattern: Pattern[str]

    def read(self, barcode: str, base: Laboratory) -> Laboratory:
        """Return what the whole barcode says, over `base`; raise SlideError where it is of another form."""
        found = self.pattern.fullmatch(barcode.strip()[:_LONGEST])
        if found is None:
            raise SlideError("the barcode of the slide is not of the form that --barcode-rule says")
        try:
            return said({name: value or "" for name, value in found.groupdict().items()}, base)
        except UsageError as error:
            raise SlideError(f"the barcode of the slide: {error}") from None


def barcode_rule(text: str) -> BarcodeRule:
    """Return the rule that a regular expression is; raise UsageError."""
    try:
        pattern = re.compile(text)
    except re.error:
        raise UsageError("the rule for barcodes is no regular expression") from None
    unknown = sorted(set(pattern.groupindex) - set(COLUMNS))
    if unknown or not pattern.groupindex:
        raise UsageError(f"the rule for barcodes names its groups: {', '.join(COLUMNS)}")
    return BarcodeRule(pattern)
