"""Codes: public ones stay, local ones become keyed, and a meaning says what the code means and nothing else."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import pytest

from dicomanon.codes import Codes, read_code
from dicomanon.errors import ProfileError
from dicomanon.explain import explain
from dicomanon.part10.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, encoding_of
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import load_profile
from dicomanon.standard.codes import SCHEMES, is_public, meanings
from dicomanon.standard.content import concepts
from tests.verify.made import cleaned, encode, file_of, found_in, identity, opened, route_of, value_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements

CONTAINER_TYPE, VALUE, SCHEME, VERSION, MEANING = 0x00400518, 0x00080100, 0x00080102, 0x00080103, 0x00080104
SLIDE = ("433466003", "SCT")


def code(value: str, scheme: str, meaning: str, **more: Elements) -> Elements:
    item: Elements = {
        VALUE: (b"SH", value.encode()),
        SCHEME: (b"SH", scheme.encode()),
        **more.get("more", {}),
        MEANING: (b"LO", meaning.encode()),
    }
    return identity() | {CONTAINER_TYPE: (b"SQ", [item])}


def meaning_left(value: str, scheme: str, meaning: str, profile: str = "basic") -> str:
    return value_at(cleaned(code(value, scheme, meaning), profile), CONTAINER_TYPE, MEANING).decode()


@pytest.mark.parametrize(
    ("value", "scheme", "meaning", "left"),
    [
        (*SLIDE, "Microscope slide", "Microscope slide"),
        (*SLIDE, "slide, stained", "slide, stained"),
        (*SLIDE, "MICROSCOPE SLIDE", "MICROSCOPE SLIDE"),
        (*SLIDE, "Slide of Ann Canary, 3rd floor", "Microscope slide"),
        (*SLIDE, "Objekttr\u00e4ger", "Microscope slide"),
        ("12710003", "SCT", "HE by Canary", "hematoxylin stain"),
        ("44400004", "SCT", "of Canary", "SCT 44400004"),
        ("44400004", "SCT", "invasive carcinoma of breast", "invasive carcinoma of breast"),
        ("T-04000", "SRT", "breast of Canary", "Breast"),
        ("T-0400F", "SNM3", "breast of Canary", "SNM3 T-0400F"),
        ("{pixels}", "UCUM", "pixel of Canary", "{pixels}"),
    ],
)
def test_a_meaning_says_what_the_code_means_and_nothing_else(
    value: str, scheme: str, meaning: str, left: str
) -> None:
    assert meaning_left(value, scheme, meaning) == left


NAMES = ["Robert Miller", "Lawrence Taylor", "Miller", "Taylor Moore", "Max Wolf", "Holly Lorenz"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("value", "scheme"), [("1", "99LAB"), ("44400004", "SCT")])
def test_a_name_is_no_meaning_though_methods_are_called_so(value: str, scheme: str, name: str) -> None:
    """PS3.16 names views and methods after persons; under any other code the same words are a name."""
    left = meaning_left(value, scheme, name)

    assert not any(word in left for word in name.split())


def test_what_stands_around_a_code_names_no_site() -> None:
    """Registry, external identifier, mapping resource and context of local codes are words of the site."""
    scheme: Elements = {
        SCHEME: (b"SH", b"99CANARY"),
        0x00080112: (b"LO", b"CANARY CLINIC"),
        0x00080114: (b"ST", b"Lab of Dr Canary"),
    }
    around: Elements = {0x00080105: (b"CS", b"99CANARY"), 0x0008010F: (b"CS", b"CANARY_EAST")}
    elements = code("CANARY1", "99CANARY", "stain", more=around)

    found = cleaned(elements | {0x00080110: (b"SQ", [scheme])})

    assert not any(b"CANARY" in value.upper() for values in found.values() for value in values)


def test_a_group_of_the_standard_is_named_beside_a_code() -> None:
    around: Elements = {0x00080105: (b"CS", b"DCMR"), 0x0008010F: (b"CS", b"8101")}
    found = cleaned(code(*SLIDE, "Microscope slide", more=around))

    assert value_at(found, CONTAINER_TYPE, 0x00080105) == b"DCMR"
    assert value_at(found, CONTAINER_TYPE, 0x0008010F) == b"8101"


def test_a_code_in_front_of_a_meaning_is_not_that_of_the_item_around_it() -> None:
    """Elements may be out of order: a nested code stands before the meaning of the outer one."""
    encoding = encoding_of(EXPLICIT_LITTLE)
    nested: Elements = {VALUE: (b"SH", b"53041004"), SCHEME: (b"SH", b"SCT"), MEANING: (b"LO", b"alcohol")}
    front: Elements = {VALUE: (b"SH", b"433466003"), SCHEME: (b"SH", b"SCT"), 0x00080121: (b"SQ", [nested])}
    late: Elements = {MEANING: (b"LO", b"Slide of Canary")}
    body = encode(front, encoding) + encode(late, encoding)
    empty = file_of(identity() | {CONTAINER_TYPE: (b"SQ", [])})
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
    head = struct.pack("<HH2sHI", 0x0040, 0x0518, b"SQ", 0, 0)
    data = empty.replace(head, head[:8] + struct.pack("<I", len(item)) + item)

    found = found_in(clear_in_memory(opened(data), route_of("basic")))

    assert value_at(found, CONTAINER_TYPE, MEANING) == b"Microscope slide"


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_local_codes_become_keyed_ones_that_stay_equal(syntax: str) -> None:
    version: Elements = {VERSION: (b"SH", b"CANARY7")}
    one = code("CANARY1", "99CANARY", "Canary stain", more=version)
    scheme: Elements = {SCHEME: (b"SH", b"99CANARY"), 0x00080116: (b"ST", b"CANARY CLINIC")}
    found = cleaned(one | {0x00080110: (b"SQ", [scheme])}, syntax=syntax)
    again = cleaned(code("CANARY1", "99CANARY", "stain"), syntax=syntax)

    assert not any(b"CANARY" in value.upper() for values in found.values() for value in values)
    assert value_at(found, CONTAINER_TYPE, SCHEME) == value_at(found, 0x00080110, SCHEME) == b"99LOCAL"
    assert value_at(found, CONTAINER_TYPE, VALUE) == value_at(again, CONTAINER_TYPE, VALUE)
    assert value_at(again, CONTAINER_TYPE, MEANING) == b"stain"


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        ("SMITH", "SCT"),
        ("19500312", "SCT"),
        ("CANARY", "DCM"),
        ("{Canary}", "UCUM"),
        ("mm{Canary}", "UCUM"),
        ("Canary", "UCUM"),
        ("M-SMITH", "SRT"),
        ("C-CANARY", "NCIt"),
        ("433466003", "99SCT"),
        ("433466003", ""),
    ],
)
def test_what_does_not_look_like_a_code_of_its_vocabulary_is_a_local_one(value: str, scheme: str) -> None:
    found = cleaned(code(value, scheme, "slide"))

    assert value_at(found, CONTAINER_TYPE, VALUE) != value.encode()
    assert value_at(found, CONTAINER_TYPE, SCHEME) == b"99LOCAL"


def test_every_code_that_the_standard_uses_is_public() -> None:
    assert meanings().keys() == SCHEMES.keys() & meanings().keys()
    for scheme, codes in meanings().items():
        assert all(is_public(each, scheme) for each in codes), scheme
    assert all(is_public(*each) for each in concepts())
    assert sum(map(len, meanings().values())) > 15_000


@pytest.mark.parametrize(
    "unit",
    [
        "mm",
        "um2",
        "g/ml{SUVbw}",
        "{SUVbw}g/ml",
        "{pixels}",
        "1",
        "%",
        "[hnsf'U]",
        "10*6/ml",
        "mm[Hg]",
        "umol/min/ml",
    ],
)
def test_units_of_measurement_stay(unit: str) -> None:
    assert is_public(unit, "UCUM")


def test_a_version_is_a_number_or_a_date() -> None:
    for version, stays in ((b"20240901", True), (b"2.0b", True), (b"1.4", True), (b"CANARY", False)):
        found = cleaned(code(*SLIDE, "Microscope slide", more={VERSION: (b"SH", version)}))
        assert (found.get((CONTAINER_TYPE, VERSION)) == [version]) == stays


def test_a_second_code_in_one_item_makes_it_a_local_one() -> None:
    """Read once as a public code and once as another, it would say what nobody looked at."""
    encoding = encoding_of(EXPLICIT_LITTLE)
    scheme: Elements = {SCHEME: (b"SH", b"SCT")}
    first: Elements = {VALUE: (b"SH", b"433466003")}
    second: Elements = {VALUE: (b"SH", b"CANARY")}
    item = b"".join(encode(each, encoding) for each in (first, second, scheme))

    assert Codes({}).is_local(read_code(item, 0, len(item), encoding))


def test_a_long_code_is_a_code_and_a_urn_can_say_anything() -> None:
    """Extensions of SNOMED CT have numbers too long for Code Value (PS3.3 8.1)."""
    scheme: Elements = {SCHEME: (b"SH", b"SCT"), MEANING: (b"LO", b"slide")}
    long = cleaned(
        identity() | {CONTAINER_TYPE: (b"SQ", [scheme | {0x00080119: (b"UC", b"331111000161000100")}])}
    )
    urn = cleaned(identity() | {CONTAINER_TYPE: (b"SQ", [scheme | {0x00080120: (b"UR", b"urn:CANARY:7")}])})

    site: Elements = {SCHEME: (b"SH", b"99CANARY"), 0x00080119: (b"UC", b"CANARY" * 4)}
    local = cleaned(identity() | {CONTAINER_TYPE: (b"SQ", [scheme | site])})

    assert value_at(long, CONTAINER_TYPE, 0x00080119) == b"331111000161000100"
    assert len(value_at(local, CONTAINER_TYPE, 0x00080119)) > 16
    assert b"CANARY" not in value_at(urn, CONTAINER_TYPE, 0x00080120)
    assert value_at(urn, CONTAINER_TYPE, SCHEME) == b"99LOCAL"


SITE = """
extends = "basic"
code = [
  { scheme = "99LAB", value = "HE1", meaning = "Haemalaun and eosin, Lab 3", reason = "list of our laboratory" },
]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    return path


def test_a_site_lists_local_codes_that_stay(site: Path) -> None:
    found = cleaned(code("HE1", "99LAB", "whatever Canary wrote"), str(site))
    other = cleaned(code("HE2", "99LAB", "stain"), str(site))

    assert value_at(found, CONTAINER_TYPE, VALUE) == b"HE1"
    assert value_at(found, CONTAINER_TYPE, SCHEME) == b"99LAB"
    assert value_at(found, CONTAINER_TYPE, MEANING) == b"Haemalaun and eosin, Lab 3"
    assert value_at(other, CONTAINER_TYPE, VALUE) not in (b"HE1", b"HE2")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("scheme", "schema", "site.toml:4: .*no 'schema'; did you mean 'scheme'"),
        ('reason = "list of our laboratory"', 'reason = ""', "site.toml:4: a .*has no reason"),
        ('"HE1"', '"HE1 OF THE LABORATORY"', "site.toml:4: a value has at most 16 characters"),
        ("Lab 3", "Stra\u00dfe 3", "site.toml:4: a meaning has at most 64 characters of ASCII"),
    ],
)
def test_a_list_that_is_not_one_is_refused(site: Path, old: str, new: str, words: str) -> None:
    site.write_text(SITE.replace(old, new))

    with pytest.raises(ProfileError, match=words):
        load_profile(str(site))


def test_explain_says_what_becomes_of_a_meaning_and_of_local_codes() -> None:
    (meaning,) = explain("basic", (), "CodeMeaning")["rules"]
    (value,) = explain("basic", (), "CodeValue")["rules"]

    assert "becomes what the code means in PS3.16" in json.dumps(meaning)
    assert "becomes a keyed one" in json.dumps(value)


def test_the_character_set_stays_in_items_with_text_of_their_own(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'extends = "basic"\n[[override]]\nkeyword = "CodeMeaning"\naction = "K"\nreason = "read by hand"\n'
    )
    code: Elements = {
        0x00080005: (b"CS", b"ISO_IR 100"),
        0x00080100: (b"SH", b"1"),
        0x00080102: (b"SH", b"DCM"),
        0x00080104: (b"LO", "Färbung".encode("latin-1")),
    }
    elements = identity() | {0x00080005: (b"CS", b"ISO_IR 192"), 0x00400518: (b"SQ", [code])}

    found = cleaned(elements, str(profile))

    assert value_at(found, 0x00080005) == b"ISO_IR 192"
    assert value_at(found, 0x00400518, 0x00080005) == b"ISO_IR 100"
    assert value_at(found, 0x00400518, 0x00080104) == "Färbung".encode("latin-1")
