from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.profile import (
    CLEANERS,
    CODES,
    Profile,
    Rule,
    load_option,
    load_profile,
    option_keywords,
    parse_tag,
    shipped_names,
)
from dicomanon.standard import COLUMN_OF_OPTION, DEIDENTIFICATION_METHODS

if TYPE_CHECKING:
    from pathlib import Path

VRS = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV"),
    *("OW", "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV"),
)
AVAILABLE = tuple(COLUMN_OF_OPTION)


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("option", [None, *AVAILABLE])
def test_every_option_column_compiles_to_a_total_profile(option: str | None) -> None:
    profile = load_profile("basic", (option,) if option else ())

    for row in standard.rows():
        tag = (
            row.tag
            if row.tag is not None
            else {"PRIVATE": 0x00991001, "50XXXXXX": 0x50020010}.get(row.selector)
        )
        if tag is not None:
            assert_whole(profile.rule_for(tag, standard.vr_of(tag) or "UN"))
    for vr in VRS:
        assert_whole(profile.rule_for(0x0008EEEE, vr))
    for group in (0x6000, 0x601E):
        assert profile.rule_for(group << 16 | 0x3000, "OW").code == "X"
        assert profile.rule_for(group << 16 | 0x4000, "LT").code == "X"


def assert_whole(rule: Rule) -> None:
    assert rule.code in CODES
    assert rule.origin
    assert (rule.code == "C") == bool(rule.cleaner)
    assert not rule.cleaner or rule.cleaner in CLEANERS


@given(st.integers(0, 0xFFFFFFFF), st.sampled_from([*VRS, "ZZ", ""]))
def test_there_is_a_rule_for_any_tag_and_any_vr(tag: int, vr: str) -> None:
    rule = load_profile("research-wsi").rule_for(tag, vr)

    assert_whole(rule)
    if tag >> 16 & 1 and not standard.row_for(tag):
        assert rule.code == "X"


@pytest.mark.parametrize("name", ["basic", "research-wsi"])
def test_every_tag_of_the_dictionary_has_a_rule(name: str) -> None:
    profile = load_profile(name)
    tags = [int(tag) for tag in DicomDictionary]

    assert len(tags) > 4000
    for tag in tags:
        for vr in {*standard.vrs_of(tag), "UN"}:
            assert_whole(profile.rule_for(tag, vr))


def test_private_and_unknown_attributes_are_rows_of_the_same_table() -> None:
    profile = load_profile("basic")

    assert profile.rule_for(0x00991001, "LO").code == "X"
    assert profile.rule_for(0x00990010, "LO").code == "X"
    assert profile.rule_for(0x0008EEEE, "ZZ") is profile.unknown
    assert profile.unknown.code == "X"
    assert profile.rule_for(0x0008EEEE, "UN").code == "X"


def codes(option: str, *more: str) -> dict[str, tuple[str, str]]:
    profile = load_profile("basic", (option, *more))
    return {
        row.selector: (row.options.get(COLUMN_OF_OPTION[option], ""), profile.rules[row.tag].code)
        for row in standard.rows()
        if row.tag
    }


@pytest.mark.parametrize("option", AVAILABLE)
def test_k_of_an_option_column_is_kept_and_what_it_does_not_name_stays_basic(option: str) -> None:
    basic = load_profile("basic")

    for selector, (column, code) in codes(option).items():
        if int(selector, 16) >> 16 in (0x0000, 0x0002, 0x0004):
            assert code == "X", "no data set has them"
        elif column == "K" and standard.vr_of(int(selector, 16)) == "AS":
            assert code == "C", "ages over 89 are all 90"
        elif column == "K":
            assert code == "K", selector
        elif not column:
            assert code == basic.rules[int(selector, 16)].code, selector


@pytest.mark.parametrize("option", AVAILABLE)
def test_an_option_that_changes_a_row_is_claimed_with_its_code(option: str) -> None:
    profile = load_profile("basic", (option,))

    assert [(each.code, each.meaning) for each in profile.claimed] == [DEIDENTIFICATION_METHODS[option]]
    assert profile.fallen_back == ()


def test_cleaning_outranks_keeping_whatever_the_order_of_options() -> None:
    """Table E.1-1 says K under Retain Device Identity and C under Modified Dates for eleven device dates."""
    both = ("retain-device-identity", "retain-modified-dates")
    rows = [
        row
        for row in standard.rows()
        if row.options.get("retainDeviceIdentity") == "K"
        and row.options.get("retainLongitudinalModifiedDates") == "C"
    ]
    assert len(rows) == 11
    for order in (both, both[::-1]):
        profile = load_profile("basic", order)
        for row in rows:
            assert row.tag is not None
            if standard.vr_of(row.tag) in ("DA", "DT"):
                assert (profile.rules[row.tag].code, profile.rules[row.tag].cleaner) == ("C", "shift"), (
                    row.name
                )


def test_options_reach_what_the_table_forgot() -> None:
    """(0020,0242) is a UID that whole-slide images have and Table E.1-1 has not."""
    tag = 0x00200242

    assert standard.row_for(tag) is None
    assert load_profile("basic").rule_for(tag, "UI").code == "U"
    assert load_profile("basic", ("retain-uids",)).rule_for(tag, "UI").code == "K"
    assert load_profile("basic", ("retain-uids",)).rule_for(0x0008EEEE, "UI").code == "K"
    assert load_profile("basic", ("retain-full-dates",)).rule_for(0x0008EEEE, "DT").code == "K"
    modified = load_profile("basic", ("retain-modified-dates",))
    assert (modified.rule_for(0x0008EEEE, "DA").code, modified.rule_for(0x0008EEEE, "DA").cleaner) == (
        "C",
        "shift",
    )
    assert modified.rule_for(0x0008EEEE, "TM").code == "K"


def test_the_birth_date_has_no_option_and_is_never_kept() -> None:
    for option in ("retain-full-dates", "retain-modified-dates", "retain-patient-characteristics"):
        assert load_profile("basic", (option,)).rules[0x00100030].code == "Z"


@pytest.mark.parametrize(
    "order", [("retain-full-dates", "retain-modified-dates"), ("retain-modified-dates", "retain-full-dates")]
)
def test_full_and_modified_dates_exclude_each_other(order: tuple[str, str]) -> None:
    with pytest.raises(ProfileError, match=r"exclude each other"):
        load_profile("basic", order)
    with pytest.raises(ProfileError, match=r"exclude each other"):
        load_profile("research-wsi", ("retain-full-dates",))


def test_every_option_of_the_standard_has_a_file_with_its_code() -> None:
    standard_ones = [word for word in option_keywords() if load_option(word).code]
    assert set(standard_ones) == set(DEIDENTIFICATION_METHODS) - {"basic"}
    for keyword in standard_ones:
        option = load_option(keyword)
        assert (option.code, option.meaning) == DEIDENTIFICATION_METHODS[keyword]
        assert option.column == COLUMN_OF_OPTION.get(keyword)


@pytest.mark.parametrize(
    ("options", "temporal"),
    [
        ((), "REMOVED"),
        (("retain-full-dates",), "UNMODIFIED"),
        (("retain-modified-dates",), "MODIFIED"),
        (("retain-uids",), "REMOVED"),
    ],
)
def test_what_is_said_of_dates_is_what_is_done_to_them(options: tuple[str, ...], temporal: str) -> None:
    assert load_profile("basic", options).temporal == temporal


@pytest.mark.parametrize("line", ['keyword = "StudyDate"', 'tag = "(0008,0030)"', 'vr = "DA"'])
@pytest.mark.parametrize("action", ["X", "X/Z/D"])
def test_full_dates_are_unmodified_only_where_no_override_takes_one_away(
    tmp_path: Path, line: str, action: str
) -> None:
    text = f'extends = "basic"\noptions = ["retain-full-dates"]\n[[override]]\n{line}\naction = "{action}"\n{REASON}\n'
    (tmp_path / "mine.toml").write_text(text)

    profile = load_profile(str(tmp_path / "mine.toml"))

    assert profile.temporal == "MODIFIED"
    assert [code for code, _ in profile.codes] == ["113100", "113106"]


@pytest.mark.parametrize("option", ["scan-day", "scan-month", "scan-year"])
def test_a_coarse_scan_and_full_dates_exclude_each_other(option: str) -> None:
    with pytest.raises(ProfileError, match="exclude each other"):
        load_profile("basic", ("retain-full-dates", option))


def test_the_default_profile_keeps_intervals_stains_and_one_pseudonym_a_patient() -> None:
    profile = load_profile()

    assert profile.name == "research-wsi"
    assert [option.keyword for option in profile.claimed] == [
        "retain-modified-dates",
        "clean-structured-content",
    ]
    assert [profile.rules[tag].code for tag in (0x00100020, 0x00100010, 0x00200010, 0x00080050)] == ["D"] * 4
    assert profile.pixels == {
        "VOLUME": "keep",
        "THUMBNAIL": "keep",
        "LABEL": "drop",
        "OVERVIEW": "drop",
        "other": "keep",
        "burned-in": "quarantine",
        "recognizable": "keep",
        "fill": "black",
        "code": "DataMatrix",
        "project": "",
        "search": "2",
    }
    assert profile.instance_codes == profile.device_masks == ()
    assert shipped_names() == [
        "basic",
        "gdpr-anonymous",
        "gdpr-pseudonymous",
        "hipaa-limited-data-set",
        "hipaa-safe-harbor",
        "research-wsi",
        "teaching",
    ]


REASON = 'reason = "because"'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('optoins = ["retain-uids"]', "no setting 'optoins'; did you mean 'options'"),
        ('options = ["retain-uid"]', "no option 'retain-uid'; did you mean 'retain-uids'"),
        ('extends = "basics"', "no profile 'basics'; did you mean 'basic'"),
        ('[pixels]\nLABLE = "drop"', "no 'LABLE'; did you mean 'LABEL'"),
        ('[pixels]\nLABEL = "dorp"', "no policy 'dorp'; did you mean 'drop'"),
        (
            f'[[override]]\nkeyword = "PatientNmae"\naction = "K"\n{REASON}',
            "'PatientNmae' is no tag and no keyword of PS3.6; did you mean 'PatientName'",
        ),
        (f'[[override]]\nkeyword = "PatientName"\naction = "Q"\n{REASON}', "no action 'Q'"),
        (f'[[override]]\nkeyword = "PatientName"\naction = "C"\n{REASON}', "no action 'C'"),
        ('[[override]]\nkeyword = "PatientName"\naction = "K"', "has no reason"),
        (
            f'[[override]]\nkeywrod = "PatientName"\naction = "K"\n{REASON}',
            "no 'keywrod'; did you mean 'keyword'",
        ),
        (f'[[override]]\naction = "K"\n{REASON}', "names no attribute"),
        ("name = [", "mine.toml"),
        ("name = 5", "name.*text"),
        ("extends = 5", "extends.*text"),
        ('options = "retain-uids"', "options.*list"),
        ('pixels = "drop"', "pixels.*table"),
        ('[override]\nkeyword = "PatientName"', "override.*tables"),
        ("[[override]]\nkeyword = 5\naction = 'K'\nreason = 'x'", "tables of texts"),
    ],
)
def test_what_is_unknown_or_of_the_wrong_kind_is_refused_with_the_nearest_word(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ProfileError, match=complaint):
        load_profile(written(tmp_path, text))


def test_a_profile_that_extends_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "{path}"')

    with pytest.raises(ProfileError, match="extends itself"):
        load_profile(str(path))


def test_an_override_names_its_file_and_outranks_table_and_options(tmp_path: Path) -> None:
    text = f'extends = "basic"\noptions = ["retain-uids"]\n[[override]]\ntag = "(0008,0018)"\naction = "U"\n{REASON}'
    rule = load_profile(written(tmp_path, text)).rules[0x00080018]

    assert (rule.code, rule.origin, rule.reason, rule.anywhere) == (
        "U",
        "mine.toml, override",
        "because",
        True,
    )


@pytest.mark.parametrize("text", ["(0010,0020)", "00100020", "0010,0020", "PatientID"])
def test_a_tag_may_be_written_in_each_usual_way(text: str) -> None:
    assert parse_tag(text) == 0x00100020


@pytest.mark.parametrize("text", ["", "0x102030", "+0100020", "(0010,00)", "0010_020"])
def test_what_only_looks_like_a_tag_is_refused(text: str) -> None:
    with pytest.raises(ProfileError):
        parse_tag(text)


def test_the_words_of_an_option_never_depend_on_the_profile() -> None:
    one: Profile = load_profile(
        "basic",
        (
            "retain-uids",
            "retain-uids",
        ),
    )

    assert [option.keyword for option in one.options] == ["retain-uids"]
