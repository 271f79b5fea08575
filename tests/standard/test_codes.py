"""Codes of public vocabularies are told from numbers and words of a site, as far as their form and check digit go."""

from __future__ import annotations

import pytest

from dicomanon.standard.codes import RETIRED_SCHEMES, is_public, meanings
from dicomanon.standard.stored import load


def without_data(scheme: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the codes of the data that only the data knows to be public."""
    codes = list(meanings()[scheme])
    monkeypatch.setattr("dicomanon.standard.codes.meanings", lambda: {"UCUM": {}})
    return [code for code in codes if not is_public(code, scheme)]


def test_every_code_of_the_data_is_public() -> None:
    assert [
        (scheme, code)
        for scheme, codes in meanings().items()
        for code in codes
        if not is_public(code, scheme)
    ] == []


@pytest.mark.parametrize("scheme", RETIRED_SCHEMES)
def test_every_retired_code_is_public(scheme: str) -> None:
    assert [code for code in load("codes-retired")["rows"] if not is_public(code, scheme)] == []


@pytest.mark.parametrize(
    ("scheme", "wrong"),
    [
        ("SCT", ["115347700"]),
        ("LN", ["11524-0", *(f"C7456{digit}" for digit in "9"), *(f"C7457{n}" for n in range(5))]),
    ],
)
def test_the_form_alone_knows_all_codes_but_misprints_of_the_standard(
    scheme: str, wrong: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert without_data(scheme, monkeypatch) == wrong


@pytest.mark.parametrize(
    ("code", "scheme"),
    [
        ("331111000161000100", "SCT"),
        ("44400004", "SCT"),
        ("24606-6", "LN"),
        ("LP29684-5", "LN"),
        ("LA6576-8", "LN"),
        ("LA137-2", "LN"),
        ("[in_i]", "UCUM"),
        ("ug/[lb_av]", "UCUM"),
        ("cm[H2O]", "UCUM"),
        ("ml/24.h", "UCUM"),
        ("T-0400F", "SRT"),
        ("DF-00787", "SNM3"),
        ("G-A100", "99SDM"),
    ],
)
def test_codes_beyond_the_data_are_public_by_their_form(code: str, scheme: str) -> None:
    assert is_public(code, scheme)


@pytest.mark.parametrize(
    ("code", "scheme"),
    [
        ("433466004", "SCT"),
        ("343466003", "SCT"),
        ("19501003", "SCT"),
        ("000000000", "SCT"),
        ("24606-7", "LN"),
        ("42606-6", "LN"),
        ("LA6576-3", "LN"),
        ("[john_doe]", "UCUM"),
        ("[doe_j]", "UCUM"),
        ("[073]", "UCUM"),
        ("1950.10.03", "UCUM"),
        ("SP-12345", "SRT"),
        ("SC-12345", "SRT"),
        ("X-12345", "SDM"),
        ("AB1-12345", "SNM3"),
    ],
)
def test_what_only_resembles_a_code_is_not_public(code: str, scheme: str) -> None:
    assert not is_public(code, scheme)
