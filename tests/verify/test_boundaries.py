"""A value is found whatever stands next to it: tags begin with letters, and lengths end in them."""

from __future__ import annotations

import pytest

from dicomanon.identifying import forms_of
from dicomanon.part10.encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    encoding_of,
    pack_element,
)
from dicomanon.verify.search import Search, stands_alone

IDENTIFIER = b"MRN7654321"
FORMS = forms_of(b"LO", IDENTIFIER, b"")
GROUPS = (0x0008, 0x0030, 0x0031, 0x0048, 0x0050, 0x0054, 0x0062, 0x0066, 0x006A, 0x0070, 0x2200)


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE])
@pytest.mark.parametrize("length", [10, 0x42, 0x30])
@pytest.mark.parametrize("group", GROUPS)
def test_an_identifier_is_found_before_any_group_and_behind_any_length(
    group: int, length: int, syntax: str
) -> None:
    encoding = encoding_of(syntax)
    data = pack_element(0x00080070, b"LO", IDENTIFIER.ljust(length), encoding)
    data += pack_element(group << 16 | 0x9999, b"LO", b"ab", encoding)

    (hits,) = Search().find(FORMS, data)

    assert IDENTIFIER.lower() in {hit.form.needle for hit in hits}


def test_a_match_that_runs_out_of_its_value_is_none() -> None:
    (form, *_) = FORMS

    assert stands_alone(form, b"x MRN7654321", 2)
    assert not stands_alone(form, b"x MRN765432", 2)
    assert not stands_alone(form, b"x MRN7654321", -1)
    assert not stands_alone(form, b"xMRN7654321", 1)
