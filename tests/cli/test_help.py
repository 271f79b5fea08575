"""The command line explains itself, at once."""

from __future__ import annotations

import subprocess
import sys
import time

import click
import pytest

from dicomanon import __version__
from dicomanon.cli import app

VERBS = (
    "convert",
    "formats",
    "inspect",
    "deid",
    "pixels",
    "verify",
    "node",
    "explain",
    "conformance",
    "key",
    "demo",
)
HEAVY = (
    "pydicom",
    "numpy",
    "hyperscan",
    "pynetdicom",
    "tifffile",
    "rich",
    "imagecodecs",
    "sqlite3",
    "multiprocessing",
    "cv2",
    "PIL",
    "rapidocr",
    "zxingcpp",
)
MAIN = "from dicomanon.cli import main; main()"


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_help_answers_within_300_milliseconds() -> None:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        assert python(MAIN, "--help").returncode == 0
        times.append(time.perf_counter() - started)

    assert min(times) < 0.3


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        *((verb, "--help") for verb in VERBS),
        ("conformance", "statement", "--help"),
        ("--version",),
    ],
)
def test_asking_for_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = f"import atexit, sys\natexit.register(lambda: print('LOADED', *sys.modules))\n{MAIN}"

    done = python(code, *arguments)

    loaded = done.stdout.partition("LOADED")[2].split()
    assert "dicomanon.cli" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_every_verb_is_there_with_one_line_that_is_not_cut_off() -> None:
    done = python(MAIN, "--help")

    assert set(app.commands) == set(VERBS)
    for verb in VERBS:
        (line,) = (line for line in done.stdout.splitlines() if line.startswith(f"  {verb} "))
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize("words", [*((verb,) for verb in VERBS), ("conformance", "statement")], ids=" ".join)
def test_every_verb_and_every_option_has_a_help_text(words: tuple[str, ...]) -> None:
    command: click.Command = app
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]

    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith("."), parameter.name
    done = python(MAIN, *words, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: dicomanon {' '.join(words)} ")
    assert done.stdout == python(MAIN, *words, "-h").stdout


def test_the_version_is_said() -> None:
    assert python(MAIN, "--version").stdout == f"dicomanon {__version__}\n"


def test_without_a_verb_the_help_is_shown_and_that_is_a_usage_error() -> None:
    done = python(MAIN)

    assert done.returncode == 2
    assert "Commands:" in done.stdout + done.stderr
