"""Every key and value is found in its line, whatever stands around it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomanon.errors import ProfileError
from dicomanon.profile import load_profile
from dicomanon.profile.files import shipped_folder
from dicomanon.profile.lines import lines_of

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (
    '''# name = "not this one"
name = "a # no comment"
title = """several
lines, with [override] and
options = ["retain-uids"]
"""
"quoted" = 'it'''
    """'
options = [  # one a line
  "first",   # ["not"]
  'second', [
    "third",
  ],
]
pixels.LABEL = "drop"
inline = { a = 1, "b.c" = { d = 1.5 } }

[[override]]
keyword = "PatientName"
reason = '''
action = "K"
'''
action = "X"
[ table . "of it" ]
date = 1979-05-27T07:32:00Z

[[override]]
  tag = "(0010,0020)" # and a comment
[override.below]
deep = true
"""
)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("title",), 3),
        (("quoted",), 7),
        (("options",), 8),
        (("options", 0), 9),
        (("options", 1), 10),
        (("options", 2), 10),
        (("options", 2, 0), 11),
        (("pixels", "LABEL"), 14),
        (("inline", "a"), 15),
        (("inline", "b.c", "d"), 15),
        (("override", 0), 17),
        (("override", 0, "keyword"), 18),
        (("override", 0, "action"), 22),
        (("table", "of it"), 23),
        (("table", "of it", "date"), 24),
        (("override", 1), 26),
        (("override", 1, "tag"), 27),
        (("override", 1, "below", "deep"), 29),
    ],
)
def test_a_key_or_a_value_stands_in_the_line_that_is_named(path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT)

    assert lines_of(TEXT)[path] == line


def leaves(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    below = [each for key, value in pairs for each in leaves(value, (*path, key))]
    return [path, *below] if path else below


@pytest.mark.parametrize("path", sorted(shipped_folder().rglob("*.toml")), ids=lambda path: path.stem)
def test_nothing_of_a_shipped_file_is_without_its_line(path: Path) -> None:
    text = path.read_text()
    rows, found = text.split("\n"), lines_of(text)

    for each in leaves(tomllib.loads(text)):
        word = next(key for key in reversed(each) if isinstance(key, str))
        assert word in rows[found[each] - 1] or isinstance(each[-1], int), each


NOISE = st.sampled_from(
    ["", "# key = 'no'", "  # ]] [[override]]", "\t", '# """', "# '''"],
)
VALUES = st.sampled_from(
    [
        "1.5e3",
        "'[override]'",
        '"a \\" = # b"',
        '"""\nkey = 1\n"""',
        "'''\n[[x]]\n#'''",
        '[\n1, # one\n\n"]",\n]',
        "{ a = [1, 2], b.c = 'd' }",
        "2026-11-22 10:00:00",
        "true",
        '"""a\\"""b"""',
    ]
)


@given(st.lists(st.tuples(NOISE, VALUES, st.booleans()), max_size=12))
def test_what_stands_before_a_key_does_not_move_it(pieces: list[tuple[str, str, bool]]) -> None:
    rows: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()
    count = 0
    for at, (noise, value, opens) in enumerate(pieces):
        rows.append(noise)
        if opens:
            table = ("list", count)
            count += 1
            expected[table] = len(rows) + 1
            rows.append("[[list]]")
        expected[*table, f"key{at}"] = len(rows) + 1
        rows += f"key{at} = {value} # end".split("\n")
    text = "\n".join(rows)
    tomllib.loads(text)

    found = lines_of(text)

    assert {key: found[key] for key in expected} == expected


MUTATED = (
    'name = "mine"\nextends = "basic"\noptions = ["retain-uids", "scan-month"]\n[pixels]\nLABEL = "drop"\n'
    '[[override]]\npath = "*/ContributingEquipmentSequence/StationName"\naction = "K"\nreason = "because"\n'
    '[[override]]\nvr = "PN"\naction = "X/Z/D"\nreason = "because"\n'
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, len(MUTATED) - 1),
    st.integers(0, 12),
    st.sampled_from(
        ["", '"', "'", "[", "]", "{", "}", "=", ".", ",", "#", "\n", "x", "5", "*/", '"""', "[[a]]\n"]
    ),
)
def test_a_broken_profile_is_refused_with_its_name_and_never_otherwise(
    tmp_path: Path, at: int, length: int, put: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MUTATED[:at] + put + MUTATED[at + length :])

    problem = ""
    try:
        load_profile(str(path))
    except ProfileError as error:
        problem = str(error)

    assert problem.startswith("mine.toml:") or not problem
