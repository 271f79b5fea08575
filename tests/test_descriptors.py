"""Clean Descriptors: what says what a specimen is stays, whatever could say whose it is goes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomanon.descriptors import NOBODY, Descriptors, Identifiers, clean_text, identifiers_of
from dicomanon.errors import LeakError, ProfileError
from dicomanon.identifying import IdentifyingValues
from dicomanon.part10.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import load_profile
from dicomanon.vocabulary import TOKEN, vocabulary
from tests.verify.made import cleaned, file_of, found_in, identity, opened, route_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements

STUDY_DESCRIPTION, SERIES_DESCRIPTION, COMMENTS = 0x00081030, 0x0008103E, 0x00204000
CHARACTER_SET, PATIENT_NAME, INSTITUTION, PHYSICIAN = 0x00080005, 0x00100010, 0x00080080, 0x00080090


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT chest abdomen pelvis - 55F Dr. Smith", "CT chest abdomen pelvis"),  # the example of PS3.15 E.3.5
        ("Right breast biopsy, John Smith, H&E", "Right breast biopsy H&E"),
        ("invasive ductal carcinoma, grade 2, ER positive, HER2 negative", None),
        ("No evidence of metastasis", None),
        ("Ki-67 20% positive", None),
        ("Verhoeff van Gieson", None),
        ("Axial T2 FLAIR 5 mm", None),
        ("block A2 level 3, 40x", None),
        ("S21-1234 block A2 level 3", "block A2 level 3"),
        ("Prostate core biopsy 12.03.1950 MRN 4711", "Prostate core biopsy"),
        ("left breast Smith", "left breast"),
        ("resection specimen of patient 72 years old", "resection specimen of"),
        ("liver", None),
        ("", ""),
    ],
)
def test_words_that_say_what_it_is_stay_in_their_order(text: str, left: str | None) -> None:
    assert clean_text(text, vocabulary()).text == (text if left is None else left)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Dr. Hand",
            "Hand, J.",
            "M. Genou",
            "Peter Hand",
            "Maria Colon",
            "Black White",
            "Mrs Liver",
            "Prof. Dr. Bone",
        ),
        *(
            "H. E. Miller",
            "J Foot",
            "Brown",
            "S21-1234",
            "4711",
            "1950",
            "12.03.1950",
            "2021-03-17",
            "555-1234",
        ),
        *(
            "ann@hospital.example",
            "http://hospital.example/7309",
            "10.0.0.7",
            "SE1 7EH",
            "Main Street 12",
            "of",
            "and the",
        ),
        *("Aperio GT450 v1.0.1", "\u0416\u0443\u043a", "\u5c71\u7530"),
    ],
)
def test_names_numbers_and_addresses_go_whole(text: str) -> None:
    found = clean_text(text, vocabulary())

    assert found.text == ""
    assert [token for run in found.cut for token in TOKEN.findall(run)] == TOKEN.findall(text)


def test_an_eponym_stays_as_a_term_and_goes_as_a_name() -> None:
    brown = Identifiers(frozenset(("brown",)), frozenset())

    assert clean_text("Bismarck brown stain", vocabulary()).text == "Bismarck brown stain"
    assert clean_text("Bismarck brown stain", vocabulary(), brown).text == ""
    assert clean_text("Biopsy Brown", vocabulary()).text == ""


def test_an_identifying_phrase_goes_though_each_of_its_words_may_stay() -> None:
    clinic = Identifiers(frozenset(), frozenset((("breast", "specimen"),)))

    assert clean_text("left breast specimen container", vocabulary()).text == "left breast specimen container"
    assert clean_text("left breast specimen container", vocabulary(), clinic).text == ""
    assert (
        clean_text("left lung - breast specimen - paraffin block", vocabulary(), clinic).text
        == "left lung paraffin block"
    )


def test_a_profile_adds_words_and_terms_of_its_own() -> None:
    own = vocabulary(("Brustdrüse", "Morbus Test"))

    assert clean_text("Brustdrüse - links - Morbus Test", own).text == "Brustdrüse Morbus Test"
    assert clean_text("Morbus", own).text == ""


@given(st.text(max_size=80))
def test_nothing_but_known_words_and_short_numbers_ever_stays(text: str) -> None:
    known = vocabulary()
    terms = {word for each in known.terms.values() for term in each for word in term}

    found = clean_text(text, known)

    for token in TOKEN.findall(found.text):
        word = token.casefold()
        number = bool(re.fullmatch(r"\d{1,3}(\.\d{1,2})?[^\W\d_]*|[a-z]\d{0,2}|[&+]", word))
        assert word in known.words or word in terms or number


@given(
    st.lists(
        st.sampled_from(
            ["biopsy", "left", "Smith", "4711", "H&E", "Dr.", "breast", "^", ",", "\\", "Mueller"]
        ),
        max_size=12,
    )
)
def test_what_is_planted_never_stays_whatever_stands_around_it(parts: list[str]) -> None:
    text = " ".join(parts)
    left = Descriptors(vocabulary(), b"").clean(b"LO", text.encode()) or b""

    assert not any(name in left for name in (b"Smith", b"4711", b"Mueller"))


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_descriptions_stay_clean_in_every_encoding_and_depth(syntax: str) -> None:
    request: Elements = {
        0x00321060: (b"LO", b"Breast biopsy for Anna Canary"),
        0x00401001: (b"SH", b"CANARY7309"),
    }
    elements = identity() | {
        STUDY_DESCRIPTION: (b"LO", b"Left breast biopsy, Canary Anna"),
        SERIES_DESCRIPTION: (b"LO", b"CANARYCLINIC"),
        0x00400275: (b"SQ", [request]),
    }

    found = cleaned(elements, "basic", ("clean-descriptors",), syntax=syntax)

    assert found[(STUDY_DESCRIPTION,)] == [b"Left breast biopsy"]
    assert (SERIES_DESCRIPTION,) not in found
    assert found[0x00400275, 0x00321060] == [b"Breast biopsy for"]
    assert (0x00400275, 0x00401001) not in found


def test_a_name_met_after_the_description_is_cut_from_it() -> None:
    elements = identity() | {
        STUDY_DESCRIPTION: (b"LO", b"Left breast biopsy"),
        PHYSICIAN: (b"PN", b"Breast^Bob"),
        0x00400555: (b"SQ", [{0x0040A123: (b"PN", b"Left^Lisa")}]),
    }

    found = cleaned(elements, "basic", ("clean-descriptors",))

    assert (STUDY_DESCRIPTION,) not in found


def test_each_cut_is_counted_and_none_is_told() -> None:
    elements = identity() | {STUDY_DESCRIPTION: (b"LO", b"CANARY biopsy of lung, CANARY lung CANARY")}
    route = route_of("basic", ("clean-descriptors",))

    counts = route.deidentifier(opened(file_of(elements))).counts

    assert counts["cut"] == 2  # the first, and from the comma on
    assert not any("CANARY" in str(each) for each in counts)


def test_what_was_cut_is_looked_for_elsewhere() -> None:
    elements = identity() | {
        STUDY_DESCRIPTION: (b"LO", b"left breast CANARY7309X"),
    }
    route = route_of("basic", ("clean-descriptors",))
    values = route.deidentifier(opened(file_of(elements))).values

    assert any(form.needle == b"canary7309x" for form in values.forms())


def test_text_in_other_character_sets_is_cut_or_kept_as_it_was_written() -> None:
    for name, codec in ((b"ISO_IR 100", "latin-1"), (b"ISO_IR 192", "utf-8")):
        values = IdentifyingValues(name)
        cleaner = Descriptors(vocabulary(("Brustdrüse",)), name)

        assert cleaner.clean(b"LO", "Brustdrüse Müller".encode(codec)) is None
        assert cleaner.clean(b"LO", "breast Brustdrüse".encode(codec)) == "breast Brustdrüse".encode(codec)
        assert cleaner.cut(b"LO", "Müller, breast, lung".encode(codec)) == ["Müller, breast".encode(codec)]
        assert identifiers_of(values) == NOBODY


def test_every_word_alone_is_no_surname_we_know_of() -> None:
    known = vocabulary()

    assert {"brown", "hand", "foot", "white", "ward", "wright"}.isdisjoint(known.words)
    assert all(word == word.casefold() for word in known.words)
    assert len(known.words) > 1000


def test_a_whole_file_with_clean_descriptors_passes_its_own_verification() -> None:
    elements = identity() | {
        STUDY_DESCRIPTION: (b"LO", b"Breast biopsy"),
        SERIES_DESCRIPTION: (b"LO", b"Breast biopsy, Canary"),
        0x00181030: (b"LO", b"Breast"),
    }
    data = clear_in_memory(opened(file_of(elements)), route_of("basic", ("clean-descriptors",)))

    assert found_in(data)[(STUDY_DESCRIPTION,)] == [b"Breast biopsy"]


def test_a_planted_name_in_a_cleaned_description_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cleaning and verification do not share what they know."""
    elements = identity() | {
        STUDY_DESCRIPTION: (b"LO", b"Breast CANARY7309X"),
        PATIENT_NAME: (b"PN", b"CANARY7309X"),
    }
    monkeypatch.setattr(Descriptors, "clean", lambda _self, _vr, raw: raw)

    with pytest.raises(LeakError):
        clear_in_memory(opened(file_of(elements)), route_of("basic", ("clean-descriptors",)))


def test_a_text_that_is_longer_than_any_description_goes_whole() -> None:
    cleaner = Descriptors(vocabulary(), b"")

    assert cleaner.clean(b"UT", b"breast " * 1400) is not None
    assert cleaner.clean(b"UT", b"breast " * 1500) is None
    assert cleaner.cut(b"UT", b"breast " * 1500) == [b"breast " * 1500]


def test_words_of_a_profile_are_for_descriptions(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text('extends = "basic"\nwords = ["Harztest"]\n')

    with pytest.raises(ProfileError, match=r"mine.toml:2: words are for profiles with the option"):
        load_profile(str(profile))


def test_words_that_we_say_of_ourselves_are_no_alarm() -> None:
    """(0012,0063) names the profile in words that a description may have had."""
    elements = identity() | {STUDY_DESCRIPTION: (b"LO", b"Basic Application Confidentiality Profile")}
    data = clear_in_memory(opened(file_of(elements)), route_of("basic", ("clean-descriptors",)))

    assert 0x00120063 in {path[0] for path in found_in(data)}
