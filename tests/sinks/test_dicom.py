"""An archive as destination: what its answers mean, and what happens when there is none."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context

from dicomanon.errors import ConfigError, PeerRefusedError, PeerUnreachableError
from dicomanon.part10.write import file_meta
from dicomanon.pipeline import Cleared
from dicomanon.sinks import Timeouts, open_sink
from tests.peers import free_port, running_storescp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.50"
SHORT = Timeouts(connect=2.0, associate=2.0, transfer=1.0, response=2.0)


def cleared(
    path: Path, size: int = 100_000, *, sop: str = "2.25.1", sop_class: str = SLIDE, syntax: str = EXPLICIT
) -> Cleared:
    """Write a Part 10 file of the UIDs and one big private element."""
    uids = b"".join(
        tag + b"UI" + len(value).to_bytes(2, "little") + value
        for tag, value in ((b"\x08\0\x16\0", _even(sop_class)), (b"\x08\0\x18\0", _even(sop)))
    )
    size += size % 2
    element = b"\xe1\x7f\x01\x10OB\0\0" + size.to_bytes(4, "little")
    with path.open("wb") as out:
        out.write(file_meta(sop_class, sop, syntax) + uids + element)
        block = bytes(range(256)) * 4096
        for at in range(0, size, len(block)):
            out.write(block[: min(len(block), size - at)])
    return Cleared(path, sop_class, sop, "2.25.3", "2.25.2", syntax, path.stat().st_size)


def _even(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def data_set(path: Path) -> bytes:
    data = path.read_bytes()
    return data[144 + int.from_bytes(data[140:144], "little") :]


@contextmanager
def answering(
    *statuses: int, max_pdu: int = 16384, contexts: tuple[tuple[str, str], ...] = ()
) -> Iterator[Any]:
    """Run an archive in this process that answers with these statuses, one after the other."""
    waiting = list(statuses)
    taken: list[tuple[str, bytes]] = []
    associations: list[object] = []

    def store(event: Any) -> int:
        taken.append((str(event.request.AffectedSOPInstanceUID), event.request.DataSet.getvalue()))
        return waiting.pop(0)

    def accepted(event: Any) -> None:
        associations.append(event.assoc)

    entity: Any = AE(ae_title="ARCHIVE")
    entity.maximum_pdu_size = max_pdu
    wanted = contexts or ((SLIDE, EXPLICIT), (CT, EXPLICIT))
    entity.supported_contexts = [build_context(sop_class, syntax) for sop_class, syntax in wanted]
    handlers = [(evt.EVT_C_STORE, store), (evt.EVT_ACCEPTED, accepted)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    server.taken, server.associations = taken, associations
    try:
        yield server
    finally:
        server.shutdown()


def url(server: Any) -> str:
    return f"dicom://ARCHIVE@127.0.0.1:{server.server_address[1]}?calling=NODE"


@pytest.mark.parametrize(
    ("status", "stored"),
    [(0x0000, True), (0xB000, True), (0xB007, True), (0xA700, False), (0x0122, False), (0xC000, False)],
)
def test_success_and_warnings_mean_stored_and_failures_do_not(
    tmp_path: Path, status: int, *, stored: bool
) -> None:
    with answering(status) as archive:
        sink = open_sink(url(archive), SHORT)
        receipt = sink.send(cleared(tmp_path / "one"))
        sink.close()

    assert (receipt.status, receipt.stored) == (status, stored)


@pytest.mark.parametrize("max_pdu", [0, 100, 4096, 16384, 131072, 10_000_000])
@pytest.mark.parametrize("size", [0, 2, 131072 - 12, 3_000_000])
def test_every_byte_of_the_data_set_arrives_whatever_pdu_the_archive_takes(
    tmp_path: Path, max_pdu: int, size: int
) -> None:
    one = cleared(tmp_path / "one", size)
    with answering(0x0000, max_pdu=max_pdu) as archive:
        sink = open_sink(url(archive))
        assert sink.send(one).stored
        sink.close()

    assert archive.taken == [("2.25.1", data_set(one.path))]


def test_one_association_serves_many_instances_and_a_new_kind_is_added_to_it(tmp_path: Path) -> None:
    with answering(*[0x0000] * 6) as archive:
        sink = open_sink(url(archive))
        for number, sop_class in enumerate((SLIDE, SLIDE, CT, SLIDE, CT, SLIDE)):
            sink.send(cleared(tmp_path / "one", sop=f"2.25.{number}", sop_class=sop_class))
        sink.close()

    assert [uid for uid, _ in archive.taken] == [f"2.25.{number}" for number in range(6)]
    assert len(archive.associations) == 2


def test_a_kind_the_archive_does_not_take_is_refused_and_others_still_go(tmp_path: Path) -> None:
    with answering(0x0000) as archive:
        sink = open_sink(url(archive))
        with pytest.raises(PeerRefusedError):
            sink.send(cleared(tmp_path / "one", syntax=JPEG))
        assert sink.send(cleared(tmp_path / "two")).stored
        sink.close()


def test_an_archive_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    sink = open_sink(f"dicom://ARCHIVE@127.0.0.1:{free_port()}", SHORT)

    with pytest.raises(PeerUnreachableError):
        sink.send(cleared(tmp_path / "one"))


def test_an_archive_that_never_answers_the_association_is_unreachable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = open_sink(f"dicom://ARCHIVE@127.0.0.1:{silent.getsockname()[1]}", SHORT)
        with pytest.raises(PeerUnreachableError):
            sink.send(cleared(tmp_path / "one"))


def test_an_archive_that_stops_reading_is_noticed_in_bounded_time_and_memory(tmp_path: Path) -> None:
    one = cleared(tmp_path / "one", 300_000_000)
    with answering() as archive:
        sink = open_sink(url(archive), SHORT)
        sink._context_for(SLIDE, EXPLICIT)  # type: ignore[attr-defined]
        peer = archive.associations[0]
        peer.dul._read_pdu_data = lambda: time.sleep(0.05)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()

        with pytest.raises(PeerUnreachableError):
            sink.send(one)
        took = time.monotonic() - started
        del peer.dul._read_pdu_data  # it reads again, and so can end

        assert took < 10
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32_000
    one.path.unlink()


def test_an_archive_that_takes_everything_and_says_nothing_is_unreachable(tmp_path: Path) -> None:
    with answering() as archive:
        sink = open_sink(url(archive), SHORT)
        sink._context_for(SLIDE, EXPLICIT)  # type: ignore[attr-defined]
        archive.associations[0].dimse.receive_primitive = lambda _primitive: None

        with pytest.raises(PeerUnreachableError):
            sink.send(cleared(tmp_path / "one"))


def test_an_archive_that_went_away_between_two_instances_gets_the_second_on_a_new_association(
    tmp_path: Path,
) -> None:
    with answering(0x0000, 0x0000) as archive:
        sink = open_sink(url(archive), SHORT)
        sink.send(cleared(tmp_path / "one"))
        archive.associations[0].abort()
        time.sleep(0.2)

        assert sink.send(cleared(tmp_path / "two", sop="2.25.2")).stored
        sink.close()


@pytest.mark.peer
def test_dcmtk_gets_the_file_bit_by_bit(tmp_path: Path) -> None:
    one = cleared(tmp_path / "one", 5_000_000)
    with running_storescp() as archive:
        sink = open_sink(f"dicom://{archive.title}@127.0.0.1:{archive.port}")
        assert sink.send(one).stored
        sink.close()
        (received,) = archive.files()

        assert data_set(received) == data_set(one.path)


@pytest.mark.parametrize(
    "wrong",
    [
        "dicom://127.0.0.1:104",
        "dicom://A@127.0.0.1",
        "dicom://A:secret@127.0.0.1:104",
        "dicom://A@127.0.0.1:99999",
        "dicom://SEVENTEENLETTERSX@127.0.0.1:104",
        "dicom://A@127.0.0.1:104?callling=B",
        "dicom://A@127.0.0.1:104/path",
    ],
)
def test_an_address_that_is_not_one_is_refused_before_anything_is_sent(wrong: str) -> None:
    with pytest.raises(ConfigError):
        open_sink(wrong)
