"""Preparation steps as some writers have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.pipeline import clear_in_memory
from tests.test_structured import SLIDE, TEXT
from tests.verify.made import file_of, found_in, identity, opened, route_of

if TYPE_CHECKING:
    from tests.verify.made import Elements


@pytest.mark.parametrize(
    ("value", "scheme", "left"),
    [(b"12710003", b"SCT", 1), (b"CANARY1", b"99CANARY", 0), (b"CANARY", b"SCT", 0)],
)
def test_a_public_code_in_place_of_a_content_item_of_a_step_stays(
    value: bytes, scheme: bytes, left: int
) -> None:
    """Some writers put the code of a stain into a step as it is; nothing else stays beside it."""
    bare: Elements = {
        0x00080100: (b"SH", value),
        0x00080102: (b"SH", scheme),
        0x00080104: (b"LO", b"stain of Canary"),
        TEXT: (b"UT", b"CANARY"),
    }
    specimen: Elements = {
        0x00400551: (b"LO", b"CANARY2"),
        0x00400554: (b"UI", SLIDE),
        0x00400610: (b"SQ", [{0x00400612: (b"SQ", [bare])}]),
    }
    elements = identity() | {0x00400560: (b"SQ", [specimen])}
    found = found_in(clear_in_memory(opened(file_of(elements)), route_of("research-wsi")))
    path = (0x00400560, 0x00400610, 0x00400612)

    assert found.get((*path, 0x00080100), []) == [value] * left
    assert found.get((*path, 0x00080104), []) == [b"hematoxylin stain"] * left
    assert not any(b"CANARY" in each.upper() for values in found.values() for each in values)
