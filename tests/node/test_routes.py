"""What a node says of its routes when it opens them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from dicomanon.config import RouteConfig
from dicomanon.node.routes import open_route
from dicomanon.pseudonym import write_key

if TYPE_CHECKING:
    from pathlib import Path

SAID = "while somebody keeps the key they are pseudonymous"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    write_key(tmp_path / "key")
    return tmp_path / "key"


def said(caplog: pytest.LogCaptureFixture, profile: str, key: Path | None) -> str:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        open_route(RouteConfig("one", ("file:///x",), profile=profile, key=key))
    return caplog.text


def test_a_route_for_anonymous_data_that_keeps_its_key_is_warned_of_in_the_log(
    key: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "gdpr-anonymous"\n')

    assert SAID in said(caplog, "gdpr-anonymous", key)
    assert SAID in said(caplog, str(mine), key)
    assert SAID not in said(caplog, "gdpr-anonymous", None)
    assert SAID not in said(caplog, "gdpr-pseudonymous", key)


def test_a_profile_that_extends_an_anonymous_one_can_say_that_it_is_none(
    key: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "gdpr-anonymous"\nanonymous = false\n')

    assert SAID not in said(caplog, str(mine), key)
