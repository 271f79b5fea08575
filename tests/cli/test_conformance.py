"""`dicomanon conformance statement`: exit codes, formats, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_deid import process
from tests.statement.documents import NODE

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = ("conformance", "statement")


@pytest.mark.parametrize(
    ("form", "start"), [("html", "<!DOCTYPE html>"), ("markdown", "# DICOM Conformance Statement")]
)
def test_a_statement_is_printed_or_written_the_same(tmp_path: Path, form: str, start: str) -> None:
    printed = process(*COMMAND, "--format", form)
    written = process(*COMMAND, "--format", form, "--out", tmp_path / "statement")

    assert (printed.returncode, written.returncode, written.stdout) == (0, 0, "")
    assert printed.stdout.startswith(start)
    assert (tmp_path / "statement").read_text(encoding="utf-8") == printed.stdout
    assert "research-wsi (retain-modified-dates" in printed.stdout


def test_a_configuration_needs_no_key_to_be_described(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(NODE)
    done = process(*COMMAND, "--config", tmp_path / "node.toml")

    assert done.returncode == 0
    assert "CLEANROOM" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["node.toml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NODE.replace("ae_title", "ae_titel"), "node.ae_titel: unknown, did you mean ae_title?"),
        (NODE.replace('"basic"', '"basik"'), "there is no profile 'basik'; did you mean 'basic'?"),
        (
            NODE.replace('"retain-uids"', '"retain-uid"'),
            "there is no option 'retain-uid'; did you mean 'retain-uids'?",
        ),
        ("[node", "not TOML"),
    ],
)
def test_a_wrong_configuration_is_exit_code_2_with_a_message(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "node.toml").write_text(text)
    done = process(*COMMAND, "--config", tmp_path / "node.toml", "--out", tmp_path / "statement")

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "statement").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--config", "missing.toml"), "missing.toml"),
        (("--config", "missing.toml", "--profile", "basic"), "leave --profile and --option out"),
        (("--config", "missing.toml", "--option", "retain-uids"), "leave --profile and --option out"),
        (("--profile", "basik"), "did you mean 'basic'?"),
        (("--option", "clean-pixel"), "did you mean 'clean-pixel-data'"),
        (("--format", "pdf"), "'html', 'markdown'"),
    ],
)
def test_a_wrong_command_is_exit_code_2_with_a_message(arguments: tuple[str, ...], words: str) -> None:
    done = process(*COMMAND, *arguments)

    assert done.returncode == 2
    assert words in done.stderr


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = process(*COMMAND, "--out", tmp_path / "missing" / "statement.html")

    assert done.returncode == 1
    assert "missing/statement.html" in done.stderr
    assert "Traceback" not in done.stderr
