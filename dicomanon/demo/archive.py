"""The archive at the end: the first of Orthanc, dcmtk's storescp and pynetdicom's SCP that runs."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.demo.processes import find_program, free_port, python, running
from dicomanon.errors import PeerUnreachableError
from dicomanon.part10.write import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dicomanon.demo.processes import Child

TITLE = "DEMOARCHIVE"
ATTEMPTS = 3
"""A free port may be taken by another program before the archive listens on it."""
_GONE = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True, slots=True)
class Archive:
    """A running archive: what it is, where it takes instances, and how they are read back into a folder."""

    name: str
    url: str
    read_back: Callable[[Path], list[Path]]


@contextmanager
def open_archive(folder: Path) -> Iterator[Archive]:
    """Start the best archive that there is here; raise PeerUnreachableError when none will run."""
    candidates = [
        *([partial(_orthanc, program)] if (program := find_program("Orthanc")) else []),
        *([partial(_storescp, program)] if (program := find_program("storescp")) else []),
        _pynetdicom,
    ]
    with ExitStack() as stack:
        yield _first(candidates, folder, stack)


def _first(candidates: list[Any], folder: Path, stack: ExitStack) -> Archive:
    why = ""
    for number, candidate in enumerate([each for each in candidates for _ in range(ATTEMPTS)]):
        own = folder / f"archive{number}"
        with storage_errors():
            (own / "received").mkdir(parents=True)
        try:
            archive: Archive = stack.enter_context(candidate(own))
        except PeerUnreachableError as error:
            why = str(error)
        else:
            return archive
    raise PeerUnreachableError(f"no archive would run; the last one: {why}")


@contextmanager
def _orthanc(program: str, folder: Path) -> Iterator[Archive]:
    """Run an Orthanc with a configuration, storage and ports of its own."""
    title, port, rest = f"DEMO{secrets.token_hex(4).upper()}", free_port(), free_port()
    settings = {
        "Name": title,
        "StorageDirectory": str(folder / "received"),
        "IndexDirectory": str(folder / "received"),
        "HttpPort": rest,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": title,
        "DicomPort": port,
        "DicomCheckCalledAet": True,
        "Plugins": [],
    }
    with storage_errors():
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [program, str(folder / "settings.json")]
    # Its orderly end takes seconds, for an index that is deleted anyway.
    with running("Orthanc", command, folder / "orthanc", gently=False) as child:
        version = child.wait_until(lambda: _version_of(rest, title))
        yield Archive(f"Orthanc {version}", f"dicom://{title}@127.0.0.1:{port}", partial(_from_orthanc, rest))


def _version_of(port: int, name: str) -> str | None:
    """Return the version of the Orthanc on `port` if it has our name and answers."""
    try:
        answer = json.loads(_get(port, "/system", lambda response: response.read()))
        return str(answer["Version"]) if answer["Name"] == name else None
    except (*_GONE, KeyError):
        return None


def _from_orthanc(port: int, folder: Path) -> list[Path]:
    try:
        found = json.loads(_get(port, "/instances", lambda response: response.read()))
        paths = []
        for number, identifier in enumerate(sorted(found)):
            paths.append(folder / f"{number}.dcm")
            with storage_errors():
                target = paths[-1].open("wb")
            with target:
                _get(port, f"/instances/{identifier}/file", partial(_copy, target))
    except _GONE as error:
        raise PeerUnreachableError("Orthanc did not give back what it has") from error
    return paths


def _copy(target: Any, response: http.client.HTTPResponse) -> bytes:
    shutil.copyfileobj(response, target)
    return b""


def _get(port: int, path: str, take: Callable[[http.client.HTTPResponse], bytes]) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise http.client.HTTPException(response.status)
        return take(response)
    finally:
        connection.close()


@contextmanager
def _storescp(program: str, folder: Path) -> Iterator[Archive]:
    """Run dcmtk's storescp: every SOP Class and transfer syntax, written bit by bit as it comes."""
    port, received = free_port(), folder / "received"
    command = [program, "-v", "+xa", "+B", "-pdu", "131072", "-aet", TITLE, "-od", str(received), str(port)]
    done = subprocess.run([program, "--version"], check=False, capture_output=True, timeout=60)
    version = done.stdout.decode("ascii", "replace").partition(" v")[2].partition(" ")[0]
    with running("storescp", command, folder / "storescp") as child:
        child.wait_until(lambda: _answers(port, child))
        yield Archive(
            f"dcmtk storescp {version}", f"dicom://{TITLE}@127.0.0.1:{port}", lambda _: _files(received)
        )


def _answers(port: int, child: Child) -> bool | None:
    """Tell whether it answers C-ECHO, and has written so in its log: the port may be someone else's."""
    from pynetdicom import AE  # heavy

    entity: Any = AE(ae_title="DEMOPROBE")
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = 2
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", port, ae_title=TITLE)
    if association.is_established:
        association.send_c_echo()
        association.release()
    said = child.output.read_bytes() + child.output.with_suffix(".log").read_bytes()
    return True if b"Received Echo Request" in said else None


@contextmanager
def _pynetdicom(folder: Path) -> Iterator[Archive]:
    received = folder / "received"
    command = python("-m", "dicomanon.demo.peer", "store", str(received), TITLE)
    with running("pynetdicom's storage SCP", command, folder / "storage") as child:
        port = child.wait_until(
            lambda: int(said) if (said := child.output.read_text("ascii")).endswith("\n") else None
        )
        yield Archive(
            "pynetdicom's storage SCP", f"dicom://{TITLE}@127.0.0.1:{port}", lambda _: _files(received)
        )


def _files(received: Path) -> list[Path]:
    return sorted(path for path in received.iterdir() if path.is_file())
