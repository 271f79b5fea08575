"""Objects that never leave: refused by name, or dropped where [objects] of a profile says so."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import ProfileError, UnsupportedError
from dicomanon.objects import KINDS, WHY, iod_of
from dicomanon.part10.encoding import EXPLICIT_LITTLE, encoding_of
from dicomanon.part10.read import read_instance
from dicomanon.part10.write import file_meta
from dicomanon.pipeline import Dropped, Quarantined, clear
from dicomanon.profile import load_profile
from tests.verify.made import SOP_INSTANCE, Elements, encode, identity, route_of

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.pipeline import Outcome

DOCUMENT: Elements = {
    0x00420010: (b"ST", b"CANARYTITLE"),
    0x00420011: (b"OB", b"%PDF-1.7 CANARY "),
    0x00420012: (b"LO", b"application/pdf"),
}


def made(sop_class: str) -> bytes:
    elements = identity() | {0x00080016: (b"UI", sop_class.encode())} | DOCUMENT
    return file_meta(sop_class, SOP_INSTANCE.decode(), EXPLICIT_LITTLE) + encode(
        elements, encoding_of(EXPLICIT_LITTLE)
    )


def outcome(sop_class: str, profile: str, folder: Path) -> Outcome:
    read = partial(read_instance, io.BytesIO(made(sop_class)))
    found = clear(read, route_of(profile), folder)
    assert list(folder.glob(".*")) == []
    return found


def profile(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.toml"
    path.write_text(f'name = "own"\nextends = "basic"\n{text}\n', encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("sop_class", sorted(KINDS))
@pytest.mark.parametrize("policy", ["drop", "quarantine"])
def test_what_cannot_be_cleaned_is_dropped_or_refused_as_the_profile_says(
    sop_class: str, policy: str, tmp_path: Path
) -> None:
    kind = KINDS[sop_class]
    own = profile(tmp_path, f'[objects]\n{kind} = "{policy}"')
    folder = tmp_path / "out"
    folder.mkdir()

    found = outcome(sop_class, own, folder)

    assert isinstance(found, Dropped if policy == "drop" else Quarantined)
    assert found.reason == ("object" if policy == "drop" else "unsupported")
    assert WHY[kind] in found.message
    assert "CANARY" not in found.message


def test_documents_and_voices_are_refused_and_a_dicomdir_is_left_out_unless_a_profile_says_otherwise() -> (
    None
):
    assert dict(load_profile("research-wsi").objects) == {
        "encapsulated": "quarantine",
        "voice": "quarantine",
        "dicomdir": "drop",
    }


@pytest.mark.parametrize("sop_class", sorted(KINDS))
def test_no_rules_are_made_for_them(sop_class: str) -> None:
    with pytest.raises(UnsupportedError):
        iod_of(sop_class)


def test_a_class_without_a_table_is_refused_by_its_uid_and_a_private_one_without_it() -> None:
    with pytest.raises(UnsupportedError, match=r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.6\)"):
        iod_of("1.2.840.10008.5.1.4.1.1.6")
    with pytest.raises(UnsupportedError, match=r"\(private\)"):
        iod_of("1.2.826.0.1.3680043.10.1947.1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[objects]\nencapsulate = "drop"', "did you mean 'encapsulated'"),
        ('[objects]\nvoice = "dropp"', "did you mean 'drop'"),
        ('[objects]\nvoice = "keep"', "no policy 'keep'"),
        ("objects = 3", "a table of texts"),
    ],
)
def test_a_wrong_word_in_objects_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=message):
        load_profile(profile(tmp_path, text))
