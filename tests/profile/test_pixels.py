"""[pixels], masks and the two options on pixels: what they say, and what is refused with file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import ProfileError
from dicomanon.pipeline import make_route
from dicomanon.profile import FLAVOURS, load_profile
from dicomanon.pseudonym import KEY_BYTES, Pseudonymizer
from dicomanon.standard import DEIDENTIFICATION_METHODS

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.profile import Profile

CLEAN, FACELESS = "clean-pixel-data", "clean-recognizable-visual-features"


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def compiled(folder: Path, text: str, *options: str) -> Profile:
    return load_profile(written(folder, text), options)


@pytest.mark.parametrize("option", [CLEAN, FACELESS])
def test_an_option_on_pixels_is_claimed_of_instances_and_not_of_all_that_leaves(option: str) -> None:
    profile = load_profile("basic", (option,))

    assert profile.instance_codes == (DEIDENTIFICATION_METHODS[option],)
    assert profile.codes == load_profile("basic").codes
    assert profile.claimed == profile.fallen_back == ()


def test_clean_pixel_data_makes_keep_clean_and_leaves_what_is_dropped(tmp_path: Path) -> None:
    plain = compiled(tmp_path, 'extends = "basic"\n[pixels]\nother = "gate"\n').pixels
    cleaned = compiled(tmp_path, 'extends = "basic"\n[pixels]\nother = "gate"\n', CLEAN).pixels

    assert [plain[flavour] for flavour in FLAVOURS] == ["keep", "keep", "drop", "drop", "gate"]
    assert [cleaned[flavour] for flavour in FLAVOURS] == ["clean", "clean", "drop", "drop", "gate"]
    assert {key: cleaned[key] for key in plain if key not in FLAVOURS} == {
        key: plain[key] for key in plain if key not in FLAVOURS
    }


def test_no_profile_keeps_pictures_that_it_said_to_keep_once_they_are_to_be_cleaned(tmp_path: Path) -> None:
    """A claim beside an image that nobody looked into would not be true."""
    text = 'extends = "basic"\n[pixels]\nVOLUME = "keep"\nLABEL = "keep"\n'

    assert compiled(tmp_path, text, CLEAN).pixels["LABEL"] == "clean"
    assert compiled(tmp_path, text, CLEAN).pixels["VOLUME"] == "clean"


def test_faces_are_quarantined_with_the_option_unless_the_profile_says_otherwise(tmp_path: Path) -> None:
    silent, saying = 'extends = "basic"\n', 'extends = "basic"\n[pixels]\nrecognizable = "{}"\n'

    assert compiled(tmp_path, silent).pixels["recognizable"] == "keep"
    assert compiled(tmp_path, silent, FACELESS).pixels["recognizable"] == "quarantine"
    for word in ("keep", "drop"):
        assert compiled(tmp_path, saying.format(word), FACELESS).pixels["recognizable"] == word


def test_a_profile_without_pixel_policies_lets_no_image_out(tmp_path: Path) -> None:
    pixels = compiled(tmp_path, 'name = "bare"').pixels

    assert {pixels[setting] for setting in (*FLAVOURS, "burned-in")} == {"quarantine"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('VOLUM = "keep"', "[pixels] has no 'VOLUM'; did you mean 'VOLUME'"),
        ('VOLUME = "clear"', "[pixels] VOLUME: no policy 'clear'; did you mean 'clean'"),
        ('VOLUME = "crop"', "[pixels] VOLUME: 'crop' is for OVERVIEW only"),
        ('burned-in = "crop"', "[pixels] burned-in: 'crop' is for OVERVIEW only"),
        ('OVERVIEW = "replace"', "[pixels] OVERVIEW: 'replace' is for LABEL only"),
        ('recognizable = "clean"', "[pixels] recognizable: no policy 'clean'"),
        ('fill = "grey"', "[pixels] fill: no policy 'grey'"),
        ('code = "PDF417"', "[pixels] code: no policy 'PDF417'"),
        ('search = "0.05"', "[pixels] search must be a number of micrometres from 0.1 to 100"),
        ('search = "101"', "[pixels] search must be a number of micrometres from 0.1 to 100"),
        ('search = "nan"', "[pixels] search must be a number of micrometres from 0.1 to 100"),
        (f'project = "{"x" * 41}"', "[pixels] project must have at most 40 characters"),
        ('project = "a\\tb"', "[pixels] project must have at most 40 characters that can be printed"),
    ],
)
def test_what_is_wrong_in_pixels_is_refused_with_file_and_line(
    tmp_path: Path, line: str, complaint: str
) -> None:
    with pytest.raises(ProfileError) as error:
        compiled(tmp_path, f'extends = "basic"\n[pixels]\nTHUMBNAIL = "drop"\n{line}\n')

    assert str(error.value).startswith(f"mine.toml:4: {complaint}")


@pytest.mark.parametrize(
    "line", ['LABEL = "replace"', 'OVERVIEW = "crop"', 'search = "0.1"', 'search = "100"']
)
def test_what_is_right_in_pixels_is_taken(tmp_path: Path, line: str) -> None:
    key, _, word = line.partition(" = ")

    assert compiled(tmp_path, f'extends = "basic"\n[pixels]\n{line}\n').pixels[key] == word.strip('"')


def test_a_file_of_masks_that_is_missing_is_refused_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"mine.toml:3: the file of masks cannot be read"):
        compiled(tmp_path, 'extends = "basic"\nmasks = [\n"absent.txt"]\n')


def test_a_file_of_masks_that_is_not_understood_stops_a_run_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "masks.txt").write_text('{ Modality.equals("US") }\n(1,2,3)\n')
    profile = compiled(tmp_path, 'extends = "basic"\nmasks = ["masks.txt"]\n')

    with pytest.raises(ProfileError, match=r"masks.txt:2: .* is no region"):
        make_route("files", profile, Pseudonymizer(bytes(KEY_BYTES)))


def test_masks_lie_beside_the_profile_that_names_them_and_those_it_extends_count_too(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "all.txt").write_text("{ true. } (0,0,9,9)")
    (tmp_path / "more.txt").write_text("{ true. } (0,0,8,8)")
    (tmp_path / "site" / "site.toml").write_text('extends = "basic"\nmasks = ["all.txt"]\n')
    base = tmp_path / "site" / "site.toml"

    profile = compiled(tmp_path, f'extends = "{base}"\nmasks = ["more.txt"]\n')

    assert [name for name, _ in profile.device_masks] == ["all.txt", "more.txt"]
