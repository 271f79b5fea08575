"""Overrides by path and by VR: where they hold, which one wins, and what they cost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.part10.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from dicomanon.profile import load_profile
from dicomanon.profile.overrides import OVERRIDE_VRS
from tests.verify.made import cleaned, identity, value_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements

SPECIMENS, SPECIMEN, SPECIMEN_UID = 0x00400560, 0x00400551, 0x00400554
PREPARATION, CONTENT, TEXT_VALUE = 0x00400610, 0x00400612, 0x0040A160
PRIMARY_SITE, MEANING, COMMENT = 0x00082228, 0x00080104, 0x00204000
EQUIPMENT, STATION, MODEL, OPERATOR = 0x0018A001, 0x00081010, 0x00081090, 0x00081070
REMOVED, CODES, CODE = 0x00120062, 0x00120064, 0x00080100


def written(folder: Path, *lines: str, base: str = "basic", name: str = "mine.toml") -> str:
    text = [f'extends = "{base}"']
    for at, line in enumerate(lines):
        selector, action = line.split(" -> ")
        key, word = selector.split(":")
        text.append(f'[[override]]\n{key} = "{word}"\naction = "{action}"\nreason = "because {at}"')
    path = folder / name
    path.write_text("\n".join(text) + "\n")
    return str(path)


def slide(**more: bytes) -> Elements:
    return identity() | {
        STATION: (b"SH", b"TOPSTATION"),
        OPERATOR: (b"PN", b"TOPOPERATOR^A"),
        EQUIPMENT: (
            b"SQ",
            [
                {
                    0x00080070: (b"LO", b"a maker"),
                    STATION: (b"SH", b"INNERSTATION"),
                    OPERATOR: (b"PN", b"INNEROPERATOR^B"),
                    0x0040A170: (
                        b"SQ",
                        [
                            {
                                CODE: (b"SH", b"109101"),
                                0x00080102: (b"SH", b"DCM"),
                                MEANING: (b"LO", b"Acquisition Equipment"),
                            }
                        ],
                    ),
                }
            ],
        ),
        SPECIMENS: (
            b"SQ",
            [
                {
                    SPECIMEN: (b"LO", more.get("specimen", b"S21-4711-A")),
                    SPECIMEN_UID: (b"UI", b"1.2.826.0.1.3680043.10.1947.55.77"),
                    0x00400562: (b"SQ", []),
                    PREPARATION: (b"SQ", []),
                }
            ],
        ),
    }


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_a_path_holds_at_its_place_and_nowhere_else(tmp_path: Path, syntax: str) -> None:
    inner = written(tmp_path, "path:ContributingEquipmentSequence/StationName -> K")
    top = written(tmp_path, "path:StationName -> K", name="top.toml")
    both = written(tmp_path, "path:*/StationName -> K", name="both.toml")

    def stations(profile: str) -> tuple[list[bytes], list[bytes]]:
        found = cleaned(slide(), profile, syntax=syntax, verified=False)
        return found.get((STATION,), []), found.get((EQUIPMENT, STATION), [])

    assert stations("basic") == ([], [])
    assert stations(inner) == ([], [b"INNERSTATION"])
    assert stations(top) == ([b"TOPSTATION"], [])
    assert stations(both) == ([b"TOPSTATION"], [b"INNERSTATION"])


@pytest.mark.parametrize(
    "selector",
    ["(0018,A001)/(0008,1010)", "0018A001/StationName", "*/ContributingEquipmentSequence/(0008,1010)"],
)
def test_a_path_may_be_written_by_tags_or_keywords_or_begin_anywhere(tmp_path: Path, selector: str) -> None:
    profile = load_profile(written(tmp_path, f"path:{selector} -> K"))

    assert profile.rule_at((EQUIPMENT, STATION), "SH").code == "K"
    assert profile.rule_at((STATION,), "SH").code == "X/Z/D"
    below = profile.rule_at((SPECIMENS, EQUIPMENT, STATION), "SH").code
    assert below == ("K" if selector.startswith("*") else "X/Z/D")


def test_the_value_kept_at_a_path_leaves_verified_and_the_rule_names_its_reason(tmp_path: Path) -> None:
    profile = written(tmp_path, "path:ContributingEquipmentSequence/StationName -> K")

    found = cleaned(slide(), profile)

    assert value_at(found, EQUIPMENT, STATION) == b"INNERSTATION"
    rule = load_profile(profile).rule_at((EQUIPMENT, STATION), "SH")
    assert (rule.origin, rule.reason) == ("mine.toml, override", "because 0")


def test_a_stricter_path_takes_away_what_the_profile_keeps_elsewhere(tmp_path: Path) -> None:
    profile = written(tmp_path, "path:ContributingEquipmentSequence/Manufacturer -> X")

    found = cleaned(slide() | {0x00080070: (b"LO", b"a maker")}, profile)

    assert value_at(found, 0x00080070) == b"a maker"
    assert b"a maker" not in found.get((EQUIPMENT, 0x00080070), [])
    assert load_profile(profile).laxer == ()


def test_the_more_exact_line_of_a_file_wins_whatever_the_order(tmp_path: Path) -> None:
    lines = (
        "path:*/StationName -> D",
        "vr:SH -> X",
        "keyword:StationName -> Z",
        "path:*/ContributingEquipmentSequence/StationName -> K",
        "path:ContributingEquipmentSequence/StationName -> X/D",
    )
    for order in (lines, lines[::-1]):
        profile = load_profile(written(tmp_path, *order[1:], order[0]))
        assert profile.rule_at((EQUIPMENT, STATION), "SH").code == "X/D"
        assert profile.rule_at((SPECIMENS, EQUIPMENT, STATION), "SH").code == "K"
        assert profile.rule_at((0x00200010,), "SH").code == "X"
    two = load_profile(written(tmp_path, "vr:SH -> X", "keyword:StationName -> Z"))
    assert two.rule_for(STATION, "SH").code == "Z"


@pytest.mark.parametrize("line", ["vr:SH -> X", "keyword:StationName -> X"])
def test_a_file_outranks_what_it_extends_however_exact_that_is(tmp_path: Path, line: str) -> None:
    base = written(
        tmp_path, "path:ContributingEquipmentSequence/StationName -> K", "keyword:StationName -> K"
    )
    profile = load_profile(written(tmp_path, line, base=base, name="further.toml"))

    assert profile.rule_at((EQUIPMENT, STATION), "SH").code == "X"
    assert profile.rule_at((STATION,), "SH").code == "X"
    assert profile.laxer == ()


def test_a_rule_for_a_vr_reaches_the_table_what_it_forgot_and_the_inside_of_sequences(tmp_path: Path) -> None:
    profile = written(tmp_path, "vr:PN -> D")

    found = cleaned(slide(), profile)

    assert load_profile(profile).rule_for(0x0008EEEE, "PN").code == "D"
    assert value_at(found, OPERATOR)
    assert b"OPERATOR" not in value_at(found, OPERATOR)
    assert value_at(found, EQUIPMENT, OPERATOR) not in (b"", value_at(found, OPERATOR))


def test_keeping_a_vr_keeps_nothing_that_the_iod_and_the_table_do_not_have(tmp_path: Path) -> None:
    profile = written(tmp_path, "vr:LO -> K")
    stranger: Elements = {0x00091001: (b"LO", b"PRIVATEWORD"), 0x0014100C: (b"LO", b"STRANGEWORD")}

    found = cleaned(identity() | stranger, profile, verified=False)

    assert not {(tag,) for tag in stranger} & set(found)
    assert load_profile(profile).rule_for(0x00091001, "LO").code == "X"


def test_a_uid_of_the_standard_stays_under_a_rule_for_all_uids(tmp_path: Path) -> None:
    found = cleaned(identity(), written(tmp_path, "vr:UI -> U"))

    assert value_at(found, 0x00080016) == b"1.2.840.10008.5.1.4.1.1.77.1.6"


@pytest.mark.parametrize("vr", OVERRIDE_VRS)
def test_keeping_all_of_a_vr_costs_the_claim(tmp_path: Path, vr: str) -> None:
    profile = load_profile(written(tmp_path, f"vr:{vr} -> K"))

    assert profile.laxer_vrs == (vr,)
    assert profile.codes == ()
    assert f"VR {vr}" in profile.note


@pytest.mark.parametrize(
    ("vr", "removed"),
    [
        ("PN", b"NO"),
        ("LO", b"NO"),
        ("SH", b"NO"),
        ("LT", b"NO"),
        ("DA", b"NO"),
        ("TM", b"YES"),
        ("AS", b"YES"),
    ],
)
def test_keeping_all_of_a_vr_says_so_of_the_identity_where_names_may_stand(
    tmp_path: Path, vr: str, removed: bytes
) -> None:
    """DA has the date of birth, which finds the patient; times and ages name nobody."""
    found = cleaned(slide(), written(tmp_path, f"vr:{vr} -> K"), verified=False)

    assert value_at(found, REMOVED) == removed
    assert (CODES,) not in found


@pytest.mark.parametrize("vr", ["DA", "DT", "TM"])
def test_dates_kept_by_their_vr_are_not_said_to_be_removed(tmp_path: Path, vr: str) -> None:
    assert load_profile(written(tmp_path, f"vr:{vr} -> K")).temporal == "UNMODIFIED"


@pytest.mark.parametrize(
    ("vr", "option"), [("UI", "retain-uids"), ("DA", "retain-full-dates"), ("TM", "retain-full-dates")]
)
def test_keeping_a_vr_costs_the_claim_also_where_an_option_keeps_most_of_it(
    tmp_path: Path, vr: str, option: str
) -> None:
    profile = load_profile(written(tmp_path, f"vr:{vr} -> K"), (option,))

    assert profile.keeps_more
    assert "113100" not in {code for code, _ in profile.codes}
    assert profile.identity_removed == ("NO" if vr == "DA" else "YES")


@pytest.mark.parametrize("action", ["X", "Z", "D", "X/Z/D"])
def test_a_rule_for_a_vr_that_keeps_nothing_costs_nothing(tmp_path: Path, action: str) -> None:
    profile = load_profile(written(tmp_path, f"vr:LO -> {action}"))

    assert (profile.laxer, profile.laxer_vrs, profile.note) == ((), (), "")


@pytest.mark.parametrize(
    ("path", "laxer", "removed"),
    [
        ("SpecimenDescriptionSequence/SpecimenIdentifier", True, "NO"),
        ("*/PatientName", True, "NO"),
        ("ContributingEquipmentSequence/StationName", True, "YES"),
        ("ContributingEquipmentSequence/OperatorIdentificationSequence", True, "YES"),
        ("ContributingEquipmentSequence/Manufacturer", False, "YES"),
    ],
)
def test_what_a_path_lets_out_is_counted_as_that_of_a_tag(
    tmp_path: Path, path: str, removed: str, *, laxer: bool
) -> None:
    profile = load_profile(written(tmp_path, f"path:{path} -> K"))

    assert profile.laxer == ((standard.tag_of(path.rpartition("/")[2]),) if laxer else ())
    assert profile.identity_removed == removed
    assert (profile.codes == ()) == laxer


def test_an_identifier_kept_at_a_path_is_not_said_to_be_removed(tmp_path: Path) -> None:
    profile = written(tmp_path, "path:SpecimenDescriptionSequence/SpecimenIdentifier -> K")

    found = cleaned(slide(specimen=b"S21-4711-A"), profile)

    assert value_at(found, SPECIMENS, SPECIMEN) == b"S21-4711-A"
    assert value_at(found, REMOVED) == b"NO"


def test_a_path_into_a_sequence_that_goes_lets_nothing_out(tmp_path: Path) -> None:
    profile = written(tmp_path, "path:OperatorIdentificationSequence/InstitutionName -> K")
    operator: Elements = {0x00081072: (b"SQ", [{0x00080080: (b"LO", b"ST CANARY"), 0x00401101: (b"SQ", [])}])}

    found = cleaned(identity() | operator, profile, verified=False)

    assert (0x00081072,) not in found
    assert b"ST CANARY" not in {value for values in found.values() for value in values}


REASON = 'reason = "because"'
GOOD = f'[[override]]\nkeyword = "PatientID"\naction = "X"\n{REASON}\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            '\n\noptoins = ["retain-uids"]',
            "mine.toml:3: there is no setting 'optoins'; did you mean 'options'",
        ),
        ('options = [\n  "retain-uids",\n  "retain-uid",\n]', "mine.toml:3: there is no option 'retain-uid'"),
        (
            'options = [\n"clean-pixel"]',
            "mine.toml:2: there is no option 'clean-pixel'; did you mean 'clean-pixel-data'",
        ),
        (
            'options = ["retain-full-dates",\n"retain-modified-dates"]',
            "mine.toml:2: options 'retain-full-dates' and 'retain-modified-dates' exclude each other",
        ),
        (
            'title = """\nlines"""\nextends = "basics"',
            "mine.toml:3: .* no profile 'basics'; did you mean 'basic'",
        ),
        (
            '[pixels]\n# LABLE\nLABLE = "drop"',
            r"mine.toml:3: \[pixels\] has no 'LABLE'; did you mean 'LABEL'",
        ),
        ('[pixels]\n\nLABEL = "dorp"', "mine.toml:3: .* no policy 'dorp'; did you mean 'drop'"),
        ('pixels = { THUMBNAIL = "keep",  LABEL = "dorp" }', "mine.toml:1: .* no policy 'dorp'"),
        (
            f'{GOOD}[[override]]\nkeyword = "PatientNmae"\naction = "K"\n{REASON}',
            "mine.toml:6: 'PatientNmae' is no tag and no keyword of PS3.6; did you mean 'PatientName'",
        ),
        (f'[[override]]\n{REASON}\nkeyword = "PatientName"\naction = "Q"', "mine.toml:4: .*no action 'Q'"),
        (f'[[override]]\nkeyword = "PatientName"\n{REASON}', "mine.toml:1: PatientName: no action ''"),
        ('\n[[override]]\nkeyword = "PatientName"\naction = "K"', "mine.toml:2: .*has no reason"),
        (
            f'[[override]]\n{REASON}\naction = "K"\nkeywrod = "PatientName"',
            "mine.toml:4: .*no 'keywrod'; did you mean 'keyword'",
        ),
        (f'[[override]]\naction = "K"\n{REASON}', "mine.toml:1: .*names no attribute"),
        (
            f'[[override]]\nkeyword = "PatientName"\nvr = "PN"\naction = "K"\n{REASON}',
            "mine.toml:1: .*names its attribute twice, by keyword and vr",
        ),
        (f'[[override]]\n\nvr = "PM"\naction = "X"\n{REASON}', "mine.toml:3: no override by VR 'PM'"),
        (f'[[override]]\nvr = "SQ"\naction = "K"\n{REASON}', "mine.toml:2: no override by VR 'SQ'"),
        (f'[[override]]\nvr = "UI"\naction = "X"\n{REASON}', "mine.toml:3: UI: no action 'X'; one of K U"),
        (f'[[override]]\nvr = "LO"\naction = "U"\n{REASON}', "mine.toml:3: LO: no action 'U'"),
        (
            f'[[override]]\npath = "PatientName/PatientID"\naction = "X"\n{REASON}',
            "mine.toml:2: 'PatientName' in a path is no sequence",
        ),
        (
            f'[[override]]\npath = "SpecimenDescriptionSequense/SpecimenIdentifier"\naction = "X"\n{REASON}',
            "mine.toml:2: 'SpecimenDescriptionSequense' is no tag .*mean 'SpecimenDescriptionSequence'",
        ),
        (f'[[override]]\npath = "*"\naction = "X"\n{REASON}', "mine.toml:2: the path .* ends before"),
        ("name = [", r"mine.toml: .*\(at end of document\)"),
        ("\nname = maybe", r"mine.toml: .*line 2"),
        ("\nname = 5", "mine.toml:2: name must be text"),
        (
            "[[override]]\naction = 'K'\nkeyword = 5\nreason = 'x'",
            "mine.toml:3: override must be tables of texts",
        ),
    ],
)
def test_an_error_names_the_line_and_the_nearest_word(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)

    with pytest.raises(ProfileError, match=complaint):
        load_profile(str(path))


def test_an_error_in_a_file_that_is_extended_names_that_file(tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    base.write_text('\noptoins = ["retain-uids"]')

    with pytest.raises(ProfileError, match=re.escape("base.toml:2: there is no setting")):
        load_profile(written(tmp_path, base=str(base)))


def test_files_that_extend_each_other_are_refused_where_the_circle_closes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(f'name = "one"\nextends = "{two}"')
    two.write_text(f'\n\nextends = "{one}"')

    with pytest.raises(ProfileError, match=re.escape("two.toml:3: the profile extends itself")):
        load_profile(str(one))


def test_a_file_of_another_encoding_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b'name = "\xff"')

    with pytest.raises(ProfileError, match=r"mine\.toml: the file is not UTF-8"):
        load_profile(str(path))
