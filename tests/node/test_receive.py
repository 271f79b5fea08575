"""The storage SCP at the level of the wire: who may come, what is agreed, how a data set is cut up."""

from __future__ import annotations

import itertools
import json
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from dicomanon.config import Config, NodeConfig, RouteConfig
from dicomanon.errors import StorageError
from dicomanon.node import Node
from dicomanon.node.outbox import Outbox
from dicomanon.part10.encoding import TRANSFER_SYNTAXES
from dicomanon.sinks import Timeouts
from tests.node.made import identified_files, make_slide, pixel_data
from tests.node.process import wait_until
from tests.node.wires import (
    COMMAND,
    ECHO,
    EXPLICIT,
    INSTANCE,
    JPEG,
    LAST,
    SLIDE,
    answer,
    association,
    fragment,
    p_data,
    put,
    store_command,
)
from tests.verify.made import file_of, identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.node.made import Made

MAX_PDU = 16384
SUCCESS = 0x0000


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def node(tmp_path: Path, archive: Path) -> Iterator[Node]:
    running = make_node(tmp_path, archive)
    running.start()
    yield running
    running.stop()


def make_node(
    tmp_path: Path,
    archive: Path,
    *,
    calling: tuple[str, ...] = (),
    most: int = 8,
    max_header: int = 16 << 20,
) -> Node:
    timeouts = Timeouts(idle=5.0, transfer=1.0)
    node = NodeConfig(
        tmp_path / "spool",
        "NODE",
        port=0,
        max_pdu=MAX_PDU,
        max_associations=most,
        max_header=max_header,
        timeouts=timeouts,
    )
    route = RouteConfig("research", (str(archive),), calling=calling)
    return Node(Config(node, (route,)))


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_slide(tmp_path_factory.mktemp("slide") / "slide.dcm", size=200_000)


def data_set(made: Made) -> bytes:
    return without_container(made.path.read_bytes())


def without_container(data: bytes) -> bytes:
    return data[144 + int.from_bytes(data[140:144], "little") :]


def delivered(archive: Path) -> list[Path]:
    return sorted(archive.rglob("*.dcm"))


def assert_arrived(archive: Path, made: Made) -> None:
    wait_until(lambda: delivered(archive), 10, "it is delivered")
    (path,) = delivered(archive)
    assert pixel_data(path) == pixel_data(made.path)


def test_echo_is_answered(node: Node) -> None:
    with association(node.port, [(ECHO, (EXPLICIT,))]) as peer:
        assert peer.send_c_echo().Status == SUCCESS


@pytest.mark.parametrize(
    ("called", "calling", "diagnostic"), [("OTHER", "SENDER", 7), ("NODE", "STRANGER", 3)]
)
def test_whom_no_route_names_is_rejected_with_the_reason(
    tmp_path: Path, archive: Path, called: str, calling: str, diagnostic: int
) -> None:
    node = make_node(tmp_path, archive, calling=("SENDER",))
    node.start()
    try:
        with association(node.port, called=called, calling=calling) as peer:
            assert peer.is_rejected
            assert peer.acceptor.primitive.diagnostic == diagnostic
    finally:
        node.stop()


def test_one_association_too_many_is_rejected_for_now(tmp_path: Path, archive: Path) -> None:
    node = make_node(tmp_path, archive, most=1)
    node.start()
    try:
        with association(node.port) as first, association(node.port) as second:
            assert first.is_established
            assert second.is_rejected
            assert (second.acceptor.primitive.result, second.acceptor.primitive.diagnostic) == (2, 2)
    finally:
        node.stop()


@pytest.mark.parametrize("syntax", sorted(TRANSFER_SYNTAXES))
def test_every_transfer_syntax_that_can_be_walked_is_agreed_to(node: Node, syntax: str) -> None:
    with association(node.port, [(SLIDE, (syntax,))]) as peer:
        assert [str(context.transfer_syntax[0]) for context in peer.accepted_contexts] == [syntax]


@pytest.mark.parametrize("order", list(itertools.permutations((JPEG, EXPLICIT))))
def test_the_sender_decides_which_transfer_syntax_it_is(node: Node, order: tuple[str, str]) -> None:
    with association(node.port, [(SLIDE, ("1.2.3.4", *order))]) as peer:
        assert [str(context.transfer_syntax[0]) for context in peer.accepted_contexts] == [order[0]]


def test_what_is_not_storage_is_not_agreed_to(node: Node) -> None:
    with association(node.port, [("1.2.840.10008.5.1.4.1.2.1.1", (EXPLICIT,)), (ECHO, (EXPLICIT,))]) as peer:
        assert [str(context.abstract_syntax) for context in peer.accepted_contexts] == [ECHO]


@pytest.mark.parametrize("size", [2, 1000, MAX_PDU - 6])
def test_a_data_set_arrives_whole_however_it_is_cut(
    node: Node, archive: Path, slide: Made, size: int
) -> None:
    data = data_set(slide)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    with association(node.port) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command())))
        put(peer, b"".join(p_data(fragment(1, 0, piece)) for piece in pieces[:-1]))
        put(peer, p_data(fragment(1, LAST, pieces[-1])))
        assert answer(peer) == SUCCESS
    assert_arrived(archive, slide)


def test_command_and_data_may_share_a_pdu_and_an_empty_fragment_may_end_them(
    node: Node, archive: Path, slide: Made
) -> None:
    data, command = data_set(slide), store_command()
    rest = [data[at : at + 5000] for at in range(300, len(data), 5000)]
    with association(node.port) as peer:
        put(peer, p_data(fragment(1, COMMAND, command[:20])))
        first = fragment(1, COMMAND | LAST, command[20:])
        put(peer, p_data(first, fragment(1, 0, data[:100]), fragment(1, 0, data[100:300])))
        put(peer, *(p_data(fragment(1, 0, piece[:9]), fragment(1, 0, piece[9:])) for piece in rest))
        put(peer, p_data(fragment(1, LAST, b"")))
        assert answer(peer) == SUCCESS
    assert_arrived(archive, slide)


def test_several_instances_come_over_one_association(node: Node, archive: Path, tmp_path: Path) -> None:
    slides = [make_slide(tmp_path / f"{number}.dcm", size=50_000, number=number) for number in range(1, 4)]
    with association(node.port) as peer:
        for number, made in enumerate(slides, 1):
            command = store_command(message=number, instance=f"1.2.826.0.1.3680043.8.498.77.1.1.{number}")
            pieces = [data_set(made)[at : at + 9000] for at in range(0, len(data_set(made)), 9000)]
            put(peer, p_data(fragment(1, COMMAND | LAST, command)))
            put(peer, *(p_data(fragment(1, 0, piece)) for piece in pieces), p_data(fragment(1, LAST, b"")))
            assert answer(peer) == SUCCESS
    wait_until(lambda: len(delivered(archive)) == len(slides), 10, "all are delivered")


def test_what_is_not_a_data_set_is_refused_and_the_association_lives_on(
    node: Node, archive: Path, slide: Made, tmp_path: Path
) -> None:
    junk = bytes(range(256)) * 4000
    with association(node.port, [(SLIDE, (JPEG,)), (ECHO, (EXPLICIT,))]) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command())))
        put(peer, *(p_data(fragment(1, 0, junk[at : at + 10000])) for at in range(0, len(junk), 10000)))
        put(peer, p_data(fragment(1, LAST, b"")))
        status = answer(peer)
        assert status is not None
        assert status >> 12 == 0xC
        assert peer.send_c_echo().Status == SUCCESS
    assert delivered(archive) == []
    assert sum(sum(reasons.values()) for reasons in node.status().refusals.values()) == 1
    assert list((tmp_path / "spool" / "incoming").iterdir()) == []
    assert identified_files(tmp_path / "spool", slide) == []


def test_an_instance_of_another_class_than_agreed_is_refused(node: Node, slide: Made) -> None:
    with association(node.port) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command(sop_class="1.2.840.10008.5.1.4.1.1.2"))))
        put(peer, p_data(fragment(1, LAST, data_set(slide)[:1000])))
        assert answer(peer) == 0xA900


@pytest.mark.parametrize("pieces", [1, 40])
def test_another_instance_than_the_command_says_is_refused_and_read_to_its_end(
    node: Node, archive: Path, slide: Made, pieces: int
) -> None:
    data = data_set(slide)
    size = min(len(data) // pieces + 1, MAX_PDU - 6)
    with association(node.port, [(SLIDE, (JPEG,)), (ECHO, (EXPLICIT,))]) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command(instance="1.2.3"))))
        put(peer, *(p_data(fragment(1, 0, data[at : at + size])) for at in range(0, len(data), size)))
        put(peer, p_data(fragment(1, LAST, b"")))
        assert answer(peer) == 0xC002
        assert peer.send_c_echo().Status == SUCCESS
    assert delivered(archive) == []


def test_a_header_beyond_the_bound_is_refused(tmp_path: Path, archive: Path) -> None:
    node = make_node(tmp_path, archive, max_header=1 << 20)
    node.start()
    # (0009,0010) OB, of two megabytes.
    element = struct.pack("<HH2sHL", 0x0009, 0x0010, b"OB", 0, 2 << 20)
    try:
        with association(node.port) as peer:
            put(peer, p_data(fragment(1, COMMAND | LAST, store_command())))
            put(peer, p_data(fragment(1, 0, element)))
            put(peer, *[p_data(fragment(1, 0, bytes(MAX_PDU - 6)))] * ((2 << 20) // (MAX_PDU - 6)))
            put(peer, p_data(fragment(1, LAST, b"")))
            assert answer(peer) == 0xC001
    finally:
        node.stop()


def test_what_was_cleared_and_could_not_be_kept_is_withdrawn_in_the_audit(
    node: Node, archive: Path, slide: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise StorageError("the output could not be written (ENOSPC)")

    monkeypatch.setattr(Outbox, "add", full)
    data = data_set(slide)
    with association(node.port) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command())))
        put(peer, *(p_data(fragment(1, 0, data[at : at + 9000])) for at in range(0, len(data), 9000)))
        put(peer, p_data(fragment(1, LAST, b"")))
        assert answer(peer) == 0xA700
    records = [json.loads(line) for line in (tmp_path / "spool" / "audit.jsonl").read_text().splitlines()]
    assert [record["outcome"] for record in records] == ["cleared", "withdrawn"]
    assert records[0]["target"] == records[1]["target"]
    assert delivered(archive) == []


def test_a_refusal_says_why_to_the_sender_in_the_log_and_in_the_audit(
    node: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = identity(patient=b"", instance=INSTANCE.encode()) | {0x00080020: (b"DA", b"20210317")}
    data = without_container(file_of(nobody))
    with caplog.at_level("INFO", "dicomanon"), association(node.port, [(SLIDE, (EXPLICIT,))]) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command())), p_data(fragment(1, LAST, data)))
        _context, response = peer.dimse.get_msg(block=True)
    assert response.Status == 0xC002
    assert "Patient ID" in response.ErrorComment
    (record,) = [json.loads(line) for line in (tmp_path / "spool" / "audit.jsonl").read_text().splitlines()]
    assert record["source"]
    assert record["why"].startswith(response.ErrorComment)
    assert record["why"] in caplog.text
    assert INSTANCE not in caplog.text + json.dumps(record)


def test_two_images_of_one_uid_are_not_both_acknowledged(
    node: Node, archive: Path, slide: Made, tmp_path: Path
) -> None:
    other = make_slide(tmp_path / "other.dcm", size=300_000)
    statuses = []
    with association(node.port) as peer:
        for made in (slide, other, slide):
            data = data_set(made)
            put(peer, p_data(fragment(1, COMMAND | LAST, store_command())))
            put(peer, *(p_data(fragment(1, 0, data[at : at + 9000])) for at in range(0, len(data), 9000)))
            put(peer, p_data(fragment(1, LAST, b"")))
            statuses.append(answer(peer))
    assert statuses == [SUCCESS, 0xC004, SUCCESS]
    assert_arrived(archive, slide)


def test_a_request_without_data_set_is_refused(node: Node) -> None:
    with association(node.port) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command(data=0x0101))))
        assert answer(peer) == 0xC000


BROKEN = {
    "a pdu larger than agreed": struct.pack(">BxL", 4, MAX_PDU + 1) + bytes(MAX_PDU + 1),
    "a pdu of four gigabytes": struct.pack(">BxL", 4, 0xFFFFFFFF) + bytes(100),
    "an unknown pdu": struct.pack(">BxL", 9, 4) + bytes(4),
    "a fragment longer than its pdu": struct.pack(">BxLLBB", 4, 10, 100, 1, 0) + bytes(4),
    "a fragment with no room for its header": struct.pack(">BxLLBB", 4, 6, 1, 1, 0),
    "another context": p_data(fragment(3, 0, bytes(10))),
    "a command": p_data(fragment(1, COMMAND | LAST, store_command())),
    "something behind the last fragment": p_data(fragment(1, LAST, b"\0\0"), fragment(1, 0, b"\0\0")),
    "a fragment of nothing beside another": p_data(fragment(1, 0, b"\0\0"), struct.pack(">LB", 1, 1)),
    "a fragment of nothing": p_data(struct.pack(">LB", 1, 1)),
    "an association request": struct.pack(">BxL", 1, 68) + bytes(68),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("inside", [True, False], ids=["inside a data set", "outside"])
def test_a_sender_that_breaks_the_protocol_is_cut_off_and_the_node_lives_on(
    node: Node, archive: Path, slide: Made, tmp_path: Path, broken: bytes, *, inside: bool
) -> None:
    if not inside and broken == BROKEN["a command"]:
        broken += p_data(fragment(1, COMMAND | LAST, b"\0\0"))
    with association(node.port) as peer:
        if inside:
            put(peer, p_data(fragment(1, COMMAND | LAST, store_command())))
            put(peer, p_data(fragment(1, 0, data_set(slide)[:10000])))
        put(peer, broken)
        assert answer(peer) is None
    with association(node.port, [(ECHO, (EXPLICIT,))]) as other:
        assert other.send_c_echo().Status == SUCCESS
    assert list((tmp_path / "spool" / "incoming").iterdir()) == []
    assert delivered(archive) == []


def test_a_silent_sender_is_cut_off_and_nothing_of_it_stays(node: Node, slide: Made, tmp_path: Path) -> None:
    with association(node.port) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command())))
        put(peer, p_data(fragment(1, 0, data_set(slide)[:10000])))
        assert answer(peer) is None
    assert list((tmp_path / "spool" / "incoming").iterdir()) == []
    assert node.status().kept == 0


def test_an_abort_in_the_middle_of_a_data_set_leaves_nothing(node: Node, slide: Made, tmp_path: Path) -> None:
    with association(node.port) as peer:
        put(peer, p_data(fragment(1, COMMAND | LAST, store_command())))
        put(peer, p_data(fragment(1, 0, data_set(slide)[:10000])))
        put(peer, bytes((7, 0, 0, 0, 0, 4, 0, 0, 0, 0)))
        assert answer(peer) is None
    wait_until(lambda: not list((tmp_path / "spool" / "incoming").iterdir()), 5, "the part is gone")
    assert node.status().kept == 0


def test_a_connection_that_says_nothing_does_not_stop_the_node(node: Node) -> None:
    with socket.create_connection(("127.0.0.1", node.port)) as silent:
        silent.sendall(b"\x01")
        with association(node.port, [(ECHO, (EXPLICIT,))]) as peer:
            assert peer.send_c_echo().Status == SUCCESS


def test_a_second_node_is_kept_out_of_the_spool(node: Node, tmp_path: Path, archive: Path) -> None:
    assert node.port
    with pytest.raises(StorageError, match="another node"):
        make_node(tmp_path, archive).start()
