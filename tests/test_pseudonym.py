from __future__ import annotations

import os
import re
import stat
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomanon.errors import KeyFileError
from dicomanon.pseudonym import SHIFT_DAYS, Pseudonymizer, ephemeral_key, read_key, write_key

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))


@given(st.binary(max_size=80), st.binary(min_size=32, max_size=64))
def test_every_uid_is_2_25_and_a_version_8_uuid_of_at_most_64_characters(value: bytes, key: bytes) -> None:
    uid = Pseudonymizer(key).uid(value).decode()

    assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]*)", uid)
    assert len(uid) <= 64
    number = uuid.UUID(int=int(uid.removeprefix("2.25.")))
    assert number.version == 8
    assert number.variant == uuid.RFC_4122


def test_the_same_key_gives_the_same_answers() -> None:
    one, two = Pseudonymizer(KEY), Pseudonymizer(KEY)

    assert one.uid(b"1.2.3") == two.uid(b"1.2.3")
    assert one.identifier("patient", b"7309") == two.identifier("patient", b"7309")
    assert one.date_shift(b"7309") == two.date_shift(b"7309")
    assert one.fingerprint(b"1.2.3") == two.fingerprint(b"1.2.3")


def test_the_answers_never_change_from_one_version_to_the_next() -> None:
    """A study that grows over years needs the pseudonyms of its first day."""
    pseudonymizer = Pseudonymizer(KEY)

    assert pseudonymizer.uid(b"1.2.3") == b"2.25.229511131258529201147997302693619507073"
    assert pseudonymizer.identifier("patient", b"7309") == "V6VPRJL5PVPO3L2B"
    assert pseudonymizer.date_shift(b"7309") == 3061


@pytest.mark.parametrize("other", [Pseudonymizer(OTHER_KEY), Pseudonymizer(KEY, scope="project")])
def test_another_key_or_scope_gives_other_answers(other: Pseudonymizer) -> None:
    one = Pseudonymizer(KEY)

    assert one.uid(b"1.2.3") != other.uid(b"1.2.3")
    assert one.identifier("patient", b"7309") != other.identifier("patient", b"7309")
    assert one.fingerprint(b"1.2.3") != other.fingerprint(b"1.2.3")
    shifts = [(one.date_shift(b"%d" % n), other.date_shift(b"%d" % n)) for n in range(20)]
    assert sum(a == b for a, b in shifts) <= 1


def test_another_role_gives_another_identifier() -> None:
    pseudonymizer = Pseudonymizer(KEY)

    answers = {
        pseudonymizer.identifier(role, b"7309")
        for role in ("patient", "specimen", "study", "AccessionNumber")
    }

    assert len(answers) == 4


def test_role_scope_and_value_cannot_run_into_one_another() -> None:
    assert Pseudonymizer(KEY, scope="a").identifier("x", b"bc") != Pseudonymizer(KEY, scope="ab").identifier(
        "x", b"c"
    )
    assert Pseudonymizer(KEY).identifier("x1", b"1:y") != Pseudonymizer(KEY).identifier("x", b"11:y")


@given(st.binary(max_size=40))
def test_every_shift_is_1_to_3650_days_into_the_past(patient: bytes) -> None:
    assert 1 <= Pseudonymizer(KEY).date_shift(patient) <= SHIFT_DAYS == 3650


def test_identifiers_fit_every_short_text_vr() -> None:
    identifier = Pseudonymizer(KEY).identifier("patient", b"7309")

    assert re.fullmatch(r"[A-Z2-7]{16}", identifier)  # SH, AE and CS hold 16


def test_a_short_key_is_refused() -> None:
    with pytest.raises(KeyFileError, match="at least 32 bytes"):
        Pseudonymizer(b"short")


def test_two_ephemeral_keys_differ() -> None:
    assert ephemeral_key() != ephemeral_key()
    assert len(ephemeral_key()) == 32


def test_a_key_file_is_made_for_its_owner_alone_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "key"
    before = os.umask(0)
    try:
        write_key(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(read_key(path)) == 32
    assert read_key(path).hex() == path.read_text().strip()


def test_an_existing_key_file_is_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_key(path)
    before = path.read_bytes()

    with pytest.raises(KeyFileError, match="exists already"):
        write_key(path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    write_key(path)
    path.chmod(mode)

    with pytest.raises(KeyFileError, match="chmod 600"):
        read_key(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ab" * 31, "shorter than 32"),
        ("", "shorter than 32"),
        ("zz" * 32, "other than hexadecimal"),
        ("é" * 64, "cannot be read"),
    ],
)
def test_a_broken_key_file_is_named_without_its_content(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)

    with pytest.raises(KeyFileError, match=complaint) as caught:
        read_key(path)

    assert not text or text[:8] not in str(caught.value)


def test_a_missing_key_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="dicomanon key"):
        read_key(tmp_path / "absent")
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_key(tmp_path)
    with pytest.raises(KeyFileError, match="cannot be written"):
        write_key(tmp_path / "absent" / "key")
