"""The schema for editors is that of the code: what it allows loads, and what it forbids does not.

No validator is among the packages of the project, so the words of JSON Schema that the file uses are checked here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from dicomanon.errors import ProfileError
from dicomanon.profile import FLAVOURS, PIXEL_POLICIES, load_profile, option_keywords, shipped_folder
from dicomanon.profile.files import KINDS
from dicomanon.profile.overrides import KEYS, OVERRIDE_ACTIONS, OVERRIDE_VRS, SELECTORS
from dicomanon.profile.pixels import DEFAULTS, ONLY_FOR

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = json.loads((shipped_folder() / "profile.schema.json").read_text())
TYPES = {"string": str, "object": dict, "array": list, "boolean": bool}
SAID_ONLY = {"$schema", "title", "description"}


def valid(schema: dict[str, Any], data: Any) -> bool:  # noqa: C901, PLR0912  # a word of JSON Schema a branch
    """Tell whether data are what a schema of draft 7 allows; a word that is not known here is an error."""
    good = True
    for word, value in schema.items():
        if word == "type":
            good &= isinstance(data, TYPES[value])
        elif word == "enum":
            good &= data in value
        elif word == "const":
            good &= data == value
        elif word == "pattern":
            good &= isinstance(data, str) and bool(re.search(value, data))
        elif word == "minLength":
            good &= isinstance(data, str) and len(data) >= value
        elif word == "maxLength":
            good &= isinstance(data, str) and len(data) <= value
        elif word == "required":
            good &= all(key in data for key in value)
        elif word == "properties":
            good &= all(valid(value[key], each) for key, each in data.items() if key in value)
        elif word == "additionalProperties":
            good &= set(data) <= set(schema["properties"])
        elif word == "items":
            good &= all(valid(value, each) for each in data)
        elif word in ("anyOf", "oneOf", "allOf"):
            count = sum(valid(each, data) for each in value)
            good &= {"anyOf": count > 0, "oneOf": count == 1, "allOf": count == len(value)}[word]
        elif word == "if":
            good &= not valid(value, data) or valid(schema["then"], data)
        elif word not in {"then", *SAID_ONLY}:
            raise AssertionError(word)
        if not good:
            return False
    return good


def test_the_schema_is_made_from_the_code_as_it_is() -> None:
    path = REPOSITORY / "scripts" / "profile_schema.py"
    spec = util.spec_from_file_location("profile_schema", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)

    stored = (REPOSITORY / "profiles" / "profile.schema.json").read_text()

    assert stored == module.written(), "run `python scripts/profile_schema.py`"


def test_the_schema_has_every_word_that_the_code_reads_and_no_other() -> None:
    properties = SCHEMA["properties"]
    override = properties["override"]["items"]

    assert set(properties) == set(KINDS)
    assert set(override["properties"]) == KEYS
    assert override["properties"]["action"]["enum"] == list(OVERRIDE_ACTIONS)
    assert override["properties"]["vr"]["enum"] == list(OVERRIDE_VRS)
    assert [each["required"] for each in override["oneOf"]] == [[key] for key in SELECTORS]
    assert [each["const"] for each in properties["options"]["items"]["anyOf"]] == option_keywords()
    pixels = properties["pixels"]["properties"]
    assert set(pixels) == set(DEFAULTS)
    for setting in (*FLAVOURS, "burned-in"):
        only = {word for word, flavour in ONLY_FOR.items() if flavour != setting}
        assert set(pixels[setting]["enum"]) == PIXEL_POLICIES - only
    assert set(pixels["recognizable"]["enum"]) == {"keep", "quarantine", "drop"}
    assert all(each["description"] for each in pixels.values())
    for each in (*properties.values(), *override["properties"].values()):
        assert each["description"]


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(shipped_folder().glob("*.toml")) if path.stem != "supplement"],
    ids=lambda path: path.stem,
)
def test_every_shipped_profile_is_valid(path: Path) -> None:
    assert valid(SCHEMA, tomllib.loads(path.read_text()))


REASON = 'reason = "because"'
OVERRIDES = [
    *(f'{key}\naction = "X"\n{REASON}' for key in ('keyword = "PatientName"', 'tag = "(0010,0010)"')),
    f'path = "*/(0040,0560)/SpecimenIdentifier"\naction = "K"\n{REASON}',
    *(f'vr = "{vr}"\naction = "{action}"\n{REASON}' for vr, action in (("PN", "X/Z/D"), ("UI", "U"))),
]


@pytest.mark.parametrize("override", OVERRIDES)
def test_what_is_valid_loads(tmp_path: Path, override: str) -> None:
    text = (
        f'extends = "basic"\noptions = ["scan-month"]\n[pixels]\nLABEL = "drop"\n[[override]]\n{override}\n'
    )
    (tmp_path / "mine.toml").write_text(text)

    assert valid(SCHEMA, tomllib.loads(text))
    assert load_profile(str(tmp_path / "mine.toml")).name == "mine"


def test_what_is_valid_of_pixels_loads(tmp_path: Path) -> None:
    (tmp_path / "scanners.txt").write_text('{ Modality.equals("US") } (0,0,200,40)')
    text = (
        'extends = "basic"\nmasks = ["scanners.txt"]\n[pixels]\nVOLUME = "clean"\nLABEL = "replace"\n'
        'OVERVIEW = "crop"\nother = "gate"\nburned-in = "clean"\nrecognizable = "drop"\nfill = "white"\n'
        'code = "QRCode"\nproject = "Study 7"\nsearch = "2.5"\n'
    )
    (tmp_path / "mine.toml").write_text(text)

    assert valid(SCHEMA, tomllib.loads(text))
    profile = load_profile(str(tmp_path / "mine.toml"))
    assert profile.pixels == {"THUMBNAIL": "keep"} | tomllib.loads(text)["pixels"]
    assert [name for name, _ in profile.device_masks] == ["scanners.txt"]


@pytest.mark.parametrize(
    "text",
    [
        'optoins = ["retain-uids"]',
        'options = ["retain-uid"]',
        'options = "retain-uids"',
        'extends = "basics"',
        "name = 5",
        '[pixels]\nLABLE = "drop"',
        '[pixels]\nLABEL = "dorp"',
        '[pixels]\nLABEL = "crop"',
        '[pixels]\nVOLUME = "replace"',
        '[pixels]\nrecognizable = "clean"',
        '[pixels]\nfill = "grey"',
        '[pixels]\ncode = "PDF417"',
        '[pixels]\nsearch = "fine"',
        f'[pixels]\nproject = "{"x" * 41}"',
        'masks = "scanners.txt"',
        '[override]\nkeyword = "PatientName"',
        *(
            f"[[override]]\n{each}"
            for each in (
                f'keyword = "PatientName"\naction = "Q"\n{REASON}',
                f'keyword = "PatientName"\naction = "C"\n{REASON}',
                'keyword = "PatientName"\naction = "K"',
                'keyword = "PatientName"\naction = "K"\nreason = ""',
                f'keyword = "PatientName"\n{REASON}',
                f'action = "K"\n{REASON}',
                f'keyword = "PatientName"\nvr = "PN"\naction = "K"\n{REASON}',
                f'keyword = "PatientName"\naction = "K"\ncleaner = "icc"\n{REASON}',
                f'tag = "0010"\naction = "K"\n{REASON}',
                f'path = "A//B"\naction = "K"\n{REASON}',
                f'vr = "SQ"\naction = "K"\n{REASON}',
                f'vr = "UI"\naction = "X"\n{REASON}',
                f'vr = "PN"\naction = "U"\n{REASON}',
            )
        ),
    ],
)
def test_what_is_not_valid_is_refused_by_the_program_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.toml").write_text(text)

    assert not valid(SCHEMA, tomllib.loads(text))
    with pytest.raises(ProfileError):
        load_profile(str(tmp_path / "mine.toml"))


def test_the_schema_is_in_the_wheel_beside_the_profiles_and_their_options(tmp_path: Path) -> None:
    build = "from hatchling.cli import hatchling; raise SystemExit(hatchling())"
    subprocess.run(
        [sys.executable, "-c", build, "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for path in (REPOSITORY / "profiles").rglob("*.*"):
        assert f"dicomanon/profiles/{path.relative_to(REPOSITORY / 'profiles').as_posix()}" in names


def test_the_page_of_profiles_names_the_line_that_editors_know() -> None:
    page = (REPOSITORY / "docs" / "profiles.md").read_text()

    assert "#:schema " in page
    assert "profile.schema.json" in page
