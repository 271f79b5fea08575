"""Many senders at once: the search of the verifier serves one thread at a time, the node all of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import StorageError
from dicomanon.identifying import forms_of
from dicomanon.node.outbox import Outbox
from dicomanon.verify.search import Search

if TYPE_CHECKING:
    from pathlib import Path


def test_many_threads_search_at_once_and_each_finds_its_own() -> None:
    search = Search()
    shared = {form for number in range(200) for form in forms_of(b"LO", b"SHARED%05d" % number, b"")}
    found: list[int] = []

    def look(number: int) -> None:
        own = {*shared, *forms_of(b"LO", b"OWN-%05d" % number, b"")}
        for _ in range(30):
            (hits,) = search.find(own, b"\0" * 200_000 + b" OWN-%05d " % number)
            found.append(len({hit.form.needle for hit in hits}))

    threads = [threading.Thread(target=look, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [1] * 240


def test_a_folder_of_somebody_else_does_not_become_a_spool(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "slide.svs").write_bytes(b"somebody's")
    mode = tmp_path.stat().st_mode

    with pytest.raises(StorageError):
        Outbox(tmp_path)

    assert tmp_path.stat().st_mode == mode
    assert (tmp_path / "slide.svs").read_bytes() == b"somebody's"


def test_a_restart_wipes_nothing_but_its_own_files(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    Outbox(spool).close()
    (spool / "incoming" / "slide.svs").write_bytes(b"somebody's")
    (spool / "incoming" / f".{'0' * 32}.part").write_bytes(b"ours")

    outbox = Outbox(spool)
    wiped = outbox.recover().wiped
    outbox.close()

    assert wiped == 1
    assert [path.name for path in (spool / "incoming").iterdir()] == ["slide.svs"]
