"""The patient in content items: by other codes than those of Table E.3.4-1, and by numbers that tell too much."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from dicomanon.characteristics import ages, characteristics
from dicomanon.standard.codes import is_public
from tests.test_structured import STRUCTURED, TREE, VALUE_TYPE, cleaned, item

if TYPE_CHECKING:
    from tests.verify.made import Elements

SEX, AGE, WEIGHT = ("76689-9", "LN"), ("397669002", "SCT"), ("27113001", "SCT")


def measured(value: str, unit: str) -> Elements:
    units: Elements = {0x00080100: (b"SH", unit.encode()), 0x00080102: (b"SH", b"UCUM")}
    inner: Elements = {0x004008EA: (b"SQ", [units]), 0x0040A30A: (b"DS", value.encode())}
    return {0x0040A300: (b"SQ", [inner])}


@pytest.mark.parametrize("options", [(), (STRUCTURED,), (STRUCTURED, "retain-patient-characteristics")])
def test_the_patient_is_told_by_no_other_code_than_the_table_has(options: tuple[str, ...]) -> None:
    retained = "retain-patient-characteristics" in options
    tree = (
        item(*SEX, "CODE"),
        item(*AGE, "NUM", value=measured("47", "a")),
        item(*WEIGHT, "NUM", value=measured("71.5", "kg")),
        item("11727-5", "LN", "CODE"),
    )

    assert len(cleaned(*tree, options=options)[TREE, VALUE_TYPE]) == (4 if retained else 1)


@pytest.mark.parametrize(
    ("value", "unit", "left"),
    [("89", "a", 2), ("90", "a", 1), ("97", "a", 1), ("97", "mo", 2), ("1080", "mo", 1), ("x", "a", 1)],
)
@pytest.mark.parametrize("code", [AGE, ("121033", "DCM")])
def test_an_age_over_89_goes_with_its_item(code: tuple[str, str], value: str, unit: str, left: int) -> None:
    tree = (item(*code, "NUM", value=measured(value, unit)), item("11727-5", "LN", "CODE"))
    found = cleaned(*tree, options=(STRUCTURED, "retain-patient-characteristics"))

    assert len(found[TREE, VALUE_TYPE]) == left


def test_an_age_over_89_goes_though_only_its_exact_value_says_so() -> None:
    """Floating Point Value (0040,A161) stands beside Numeric Value (PS3.3 C.18.1)."""
    value = measured("9", "a")
    (inner,) = value[0x0040A300][1]
    assert isinstance(inner, dict)
    inner[0x0040A161] = (b"FD", struct.pack("<d", 97.0))
    tree = (item(*AGE, "NUM", value=value), item("11727-5", "LN", "CODE"))

    assert len(cleaned(*tree, options=(STRUCTURED, "retain-patient-characteristics"))[TREE, VALUE_TYPE]) == 1


@pytest.mark.parametrize(("value", "left"), [("7799123", 0), ("77991", 0), ("7799", 1), ("77991.5", 1)])
def test_a_long_number_under_a_name_of_the_site_goes(value: str, left: int) -> None:
    found = cleaned(item("MRN", "99CANARY", "NUM", value=measured(value, "1")), item("11727-5", "LN", "CODE"))

    assert len(found[TREE, VALUE_TYPE]) == 1 + left


def test_every_concept_that_is_listed_is_a_public_code() -> None:
    assert ages() <= characteristics()
    assert [code for code in characteristics() if not is_public(*code)] == []
