"""Dates that others than the patient's hospital know do not move: the distance would be the patient's shift."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from dicomanon import standard
from dicomanon.actions import Context
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from tests.verify.made import KEY, STUDY, cleaned, identity, value_at

if TYPE_CHECKING:
    from tests.verify.made import Elements, Found

EQUIPMENT = 0x0018A001
DEVICE: Elements = {
    0x00181200: (b"DA", b"20190911\\20200911"),
    0x00181201: (b"TM", b"071500\\071600"),
    0x00181202: (b"DT", b"20190912071500"),
    0x00181203: (b"DT", b"20190913071500"),
    0x00181204: (b"DA", b"20170503"),
    0x00181205: (b"DA", b"20180607"),
    0x0018700C: (b"DA", b"20190914"),
    0x0018700E: (b"TM", b"071700"),
    0x00120086: (b"DA", b"20160118"),
    0x00120087: (b"DA", b"20260118"),
}
PLANTED = ("20190911", "20200911", "20190912", "20190913", "20170503", "20180607", "20190914", "20160118")
TIMES = (b"0715", b"0716", b"0717")
VERSION = b"20121106000000"


def of_one_device(patient: bytes) -> Found:
    code: Elements = {
        0x00080100: (b"SH", b"12710003"),
        0x00080102: (b"SH", b"SCT"),
        0x00080104: (b"LO", b"hematoxylin stain"),
        0x00080105: (b"CS", b"DCMR"),
        0x00080106: (b"DT", VERSION),
        0x0008010B: (b"CS", b"Y"),
        0x00080107: (b"DT", VERSION),
        0x0008010F: (b"CS", b"8112"),
    }
    equipment: Elements = {0x00080070: (b"LO", b"Scanner Works"), 0x0040A170: (b"SQ", [code])}
    equipment |= DEVICE
    elements = identity(patient=patient) | DEVICE | {EQUIPMENT: (b"SQ", [equipment])}
    return cleaned(elements | {0x00080020: (b"DA", b"20210317")}, "research-wsi")


@pytest.mark.parametrize("patient", [b"MRN-1", b"MRN-2"])
def test_two_patients_of_one_device_show_nothing_of_its_dates(patient: bytes) -> None:
    found = of_one_device(patient)
    days = timedelta(days=Context(Pseudonymizer(KEY), patient, STUDY).shift())
    moved = [f"{date.fromisoformat(each) - days:%Y%m%d}" for each in PLANTED]
    values = [value for path in found if path[-1] != 0x00080020 for value in found[path]]

    assert value_at(found, 0x00080020) == f"{date(2021, 3, 17) - days:%Y%m%d}".encode()
    assert not [tag for tag in DEVICE for path in found if path[-1] == tag]
    assert not [each for each in (*PLANTED, *moved) if any(each.encode() in value for value in values)]
    assert not [value for value in values if value.startswith(TIMES)]


def test_the_version_of_a_code_list_is_the_same_for_everybody_and_says_nothing_of_the_shift() -> None:
    one, two = of_one_device(b"MRN-1"), of_one_device(b"MRN-2")

    for tag in (0x00080106, 0x00080107):
        version = value_at(one, EQUIPMENT, 0x0040A170, tag)
        assert version == value_at(two, EQUIPMENT, 0x0040A170, tag)
        assert version[:8] == b"19000101"


def test_every_such_row_is_what_the_basic_profile_says() -> None:
    """An override that is laxer than the table's own column would be another promise."""
    profile = load_profile("research-wsi")
    for tag in (*DEVICE, 0x00080106, 0x00080107, 0x0040DB06, 0x0040DB07, 0x0044000B):
        row = standard.row_for(tag)
        assert row
        assert profile.rules[tag].code == row.basic
        assert profile.rules[tag].origin == "research-wsi.toml, override"
