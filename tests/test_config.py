"""The one TOML file: what it may say, and how it is told what it got wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.config import load_config
from dicomanon.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ROUTE = '[[route]]\nname = "research"\ndestinations = ["dicom://ARCHIVE@127.0.0.1:104"]\n'
GOOD = f'[node]\nspool = "spool"\n{ROUTE}'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(text)
    return path


def test_the_least_that_is_needed_gives_safe_defaults(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))

    assert config.node.host == "127.0.0.1"
    assert config.node.max_pdu == 131072
    assert config.node.spool == tmp_path / "spool"
    assert config.routes[0].calling == ()


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    text = (
        '[node]\nspool = "/s"\nae_title = "RESEARCH"\nhost = "0.0.0.0"\nport = 0\nmax_pdu = 65536\n'
        "max_associations = 3\n[node.timeouts]\nconnect = 1\nassociate = 2.5\nidle = 3\ntransfer = 4\n"
        "response = 5\n[node.retry]\nfirst = 1\nlongest = 2\nattempts = 3\n"
        f'{ROUTE}profile = "basic"\noptions = ["retain-uids"]\nkey = "key"\nscope = "trial"\ncalling = ["PACS"]\n'
    )

    config = load_config(write(tmp_path, text))

    assert (config.node.ae_title, config.node.port, config.node.max_associations) == ("RESEARCH", 0, 3)
    assert (config.node.timeouts.associate, config.node.retry.attempts) == (2.5, 3)
    route = config.routes[0]
    assert (route.profile, route.options, route.scope) == ("basic", ("retain-uids",), "trial")
    assert (route.key, route.calling) == (tmp_path / "key", ("PACS",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("spool", "spol"), "node.spool: is needed"),
        (GOOD.replace("[node]", "[nod]"), "nod"),
        (GOOD + 'profil = "basic"\n', "route[0].profil: unknown, did you mean profile?"),
        ("[node]\nspool = 1\n" + ROUTE, "node.spool: must be text"),
        (f'[node]\nspool = "s"\nmax_pdu = 0\n{ROUTE}', "node.max_pdu: must be between"),
        (f'[node]\nspool = "s"\nport = true\n{ROUTE}', "node.port: must be a whole number"),
        (f'[node]\nspool = "s"\nae_title = "SEVENTEENLETTERSX"\n{ROUTE}', "node.ae_title"),
        (f'[node]\nspool = "s"\n[node.timeouts]\nidle = 0\n{ROUTE}', "node.timeouts.idle"),
        ('[node]\nspool = "s"\n', "at least one [[route]]"),
        (GOOD.replace("dicom://", "dicm://"), "route[0].destinations: no destination is opened by dicm://"),
        (GOOD.replace('["dicom://ARCHIVE@127.0.0.1:104"]', "[]"), "names no destination"),
        (GOOD + ROUTE, "two routes have the same name"),
        (GOOD + ROUTE.replace("research", "other"), "takes the same senders"),
        ("[node\n", "not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)

    with pytest.raises(ConfigError) as error:
        load_config(path)

    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        load_config(tmp_path / "missing.toml")
