"""Delivery by a whole node to archives that warn, refuse, recover, or are two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import build_context

from dicomanon.config import Config, NodeConfig, Retry, RouteConfig
from dicomanon.node import Node
from tests.node.made import make_slide
from tests.node.process import wait_until
from tests.node.wires import JPEG, LAST, SLIDE, answer, association, fragment, p_data, put, store_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Archive:
    """A storage SCP in this process that answers with one status after the other, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.uids: list[str] = []
        entity: Any = AE(ae_title="ARCHIVE")
        entity.supported_contexts = [build_context(SLIDE, JPEG)]
        self.server = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        self.url = f"dicom://ARCHIVE@127.0.0.1:{self.server.server_address[1]}"

    def _store(self, event: Any) -> int:
        self.uids.append(str(event.request.AffectedSOPInstanceUID))
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@pytest.fixture
def archive() -> Iterator[Callable[..., Archive]]:
    made: list[Archive] = []

    def make(*statuses: int) -> Archive:
        made.append(Archive(*statuses))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()


@pytest.fixture
def send(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Start a node for these destinations and send it one slide."""
    nodes: list[Node] = []

    def run(*destinations: str, attempts: int = 0) -> Node:
        retry = Retry(first=0.05, longest=0.1, attempts=attempts)
        config = NodeConfig(tmp_path / "spool", "NODE", port=0, retry=retry)
        node = Node(Config(config, (RouteConfig("research", destinations),)))
        nodes.append(node)
        node.start()
        data = make_slide(tmp_path / "slide.dcm", size=100_000).path.read_bytes()
        data = data[144 + int.from_bytes(data[140:144], "little") :]
        with association(node.port) as peer:
            put(peer, p_data(fragment(1, 0x03, store_command())))
            put(peer, *(p_data(fragment(1, 0, data[at : at + 9000])) for at in range(0, len(data), 9000)))
            put(peer, p_data(fragment(1, LAST, b"")))
            assert answer(peer) == 0
        return node

    yield run
    for node in nodes:
        node.stop()


def states(node: Node, url: str) -> dict[str, int]:
    return node.status().deliveries[url]


def test_out_of_resources_is_tried_again_until_it_is_taken(
    archive: Callable[..., Archive], send: Callable[..., Node]
) -> None:
    full = archive(0xA700, 0xA700, 0x0110, 0x0000)

    node = send(full.url)

    wait_until(lambda: states(node, full.url) == {"sent": 1}, 10, "it is taken in the end")
    assert len(full.uids) == 4
    assert len(set(full.uids)) == 1


def test_a_warning_counts_as_taken(archive: Callable[..., Archive], send: Callable[..., Node]) -> None:
    coercing = archive(0xB000)

    node = send(coercing.url)

    wait_until(lambda: states(node, coercing.url) == {"sent": 1}, 10, "it is taken")
    assert len(coercing.uids) == 1


@pytest.mark.parametrize("status", [0xA900, 0xC123, 0x0122])
def test_a_refusal_for_good_is_listed_and_not_repeated(
    archive: Callable[..., Archive], send: Callable[..., Node], tmp_path: Path, status: int
) -> None:
    refusing = archive(status)

    node = send(refusing.url)

    wait_until(lambda: states(node, refusing.url) == {"failed": 1}, 10, "it is listed as failed")
    assert len(refusing.uids) == 1
    assert len(list((tmp_path / "spool" / "outbox").iterdir())) == 1


def test_what_was_given_up_is_tried_once_more_when_asked_for_at_a_start(
    archive: Callable[..., Archive], send: Callable[..., Node]
) -> None:
    mended = archive(0xA900, 0x0000)
    node = send(mended.url)
    wait_until(lambda: states(node, mended.url) == {"failed": 1}, 10, "it is listed as failed")
    node.stop()

    again = Node(node.config)
    again.start()
    assert states(again, mended.url) == {"failed": 1}
    again.stop()
    again = Node(node.config)
    again.start(repeat_failed=True)
    try:
        wait_until(lambda: states(again, mended.url) == {"sent": 1}, 10, "it is delivered")
    finally:
        again.stop()
    assert len(set(mended.uids)) == 1


def test_an_answer_to_something_else_is_no_delivery(
    archive: Callable[..., Archive], send: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second association is answered on its own context again."""
    sound = archive(0x0000)
    message, contexts = DIMSEServiceProvider.send_msg, [3]

    def send_msg(provider: Any, primitive: Any, context_id: int) -> None:
        other = contexts.pop() if contexts and isinstance(primitive, C_STORE) else context_id
        message(provider, primitive, other)

    # The node answers its sender by the same library: that answer comes first.
    contexts.append(1)
    monkeypatch.setattr(DIMSEServiceProvider, "send_msg", send_msg)

    node = send(sound.url)

    wait_until(lambda: states(node, sound.url) == {"sent": 1}, 10, "it is delivered")
    assert len(sound.uids) == 2


def test_attempts_end_where_the_configuration_says(
    archive: Callable[..., Archive], send: Callable[..., Node]
) -> None:
    full = archive(0xA700)

    node = send(full.url, attempts=3)

    wait_until(lambda: states(node, full.url) == {"failed": 1}, 10, "it is listed as failed")
    assert len(full.uids) == 3


def test_one_archive_that_refuses_does_not_hold_up_the_other(
    archive: Callable[..., Archive], send: Callable[..., Node], tmp_path: Path
) -> None:
    refusing, folder = archive(0xA700), tmp_path / "folder"

    node = send(refusing.url, str(folder))

    wait_until(lambda: states(node, str(folder)) == {"sent": 1}, 10, "the folder has it")
    assert len(list(folder.rglob("*.dcm"))) == 1
    wait_until(lambda: len(refusing.uids) > 1, 10, "the archive is asked again")
    refusing.statuses[:] = [0x0000]
    wait_until(lambda: states(node, refusing.url) == {"sent": 1}, 10, "the archive has it too")
    wait_until(lambda: not list((tmp_path / "spool" / "outbox").iterdir()), 10, "the outbox is empty")
