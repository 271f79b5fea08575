"""Real peers on this machine: dcmtk's storescp and dcmsend, Orthanc, dciodvfy and dcentvfy.

Every server listens on a port that the system gave, is known to be the one started here, and is stopped at
the end.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

START_SECONDS = 20.0
STOP_SECONDS = 10.0
LARGEST_PDU = "131072"
ATTEMPTS = 3

VENV_BIN = Path(sys.executable).parent
ORTHANC_PLUGINS = Path("/usr/share/orthanc/plugins")


def peer_program(name: str, package: str) -> str:
    """Full path of a program that is not in the virtual environment; skips (in CI: fails) without it.

    pynetdicom puts a storescp and a storescu of its own into the environment, hence the full path.
    """
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/sbin"]
    outside = [folder for folder in folders if folder and Path(folder).resolve() != VENV_BIN.resolve()]
    path = shutil.which(name, path=os.pathsep.join(outside))
    return path or _absent(name, package)


def environment_program(name: str, package: str) -> str:
    """Full path of a program that a Python package put into the virtual environment."""
    path = shutil.which(name, path=str(VENV_BIN))
    return path or _absent(name, package)


def peer_file(path: Path, package: str) -> Path:
    """Return a file or folder that is no program but comes with a peer; skips (in CI: fails) without it."""
    return path if path.exists() else Path(_absent(path.name, package))


def orthanc_plugin(library: str, package: str) -> str:
    """Full path of a plugin of Orthanc, for its setting `Plugins`."""
    return str(peer_file(ORTHANC_PLUGINS / library, package))


def _absent(name: str, package: str) -> str:
    message = f"peer missing: {name} (package {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def free_port() -> int:
    """Return a port that was free a moment ago on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def echo(port: int, called: str) -> bool:
    """Whether a DICOM peer on `port` answers C-ECHO, asked by dcmtk."""
    command = [peer_program("echoscu", "dcmtk"), "-q", "-to", "5", "-ta", "5", "-td", "5"]
    command += ["-aet", "PROBE", "-aec", called, "127.0.0.1", str(port)]
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0


def dcmsend(
    port: int, files: Sequence[Path], called: str = "ANY-SCP", *, check: bool = True, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Send files with dcmtk, never transcoded; with `check` a refused or failed file fails the test."""
    command = [peer_program("dcmsend", "dcmtk"), "-v", "-dn", "-to", "20", "-ta", "30", "-pdu", LARGEST_PDU]
    command += ["-aet", "DCMSEND", "-aec", called, "127.0.0.1", str(port), *map(str, files)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)
    if check:
        assert done.returncode == 0, f"dcmsend exited {done.returncode}: {done.stderr[-2000:]}"
        refused = [line for line in done.stdout.splitlines() if "with status FAILED" in line]
        assert not refused, refused
    return done


class Server:
    """A process that can be started again on its ports; `ready` says that it is up and that it is ours."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start, and wait until it answers; a server that ends instead (its port was taken) is an OSError."""
        assert self._process is None, "already running"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                tail = self.log.read_text(errors="replace")[-2000:]
                raise OSError(f"{self.command()[0]} {'ended' if ended else 'did not answer'}: {tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop, by force if it must be; harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


ServerType = TypeVar("ServerType", bound=Server)


class StoreScp(Server):
    """dcmtk's storescp: takes every SOP Class and transfer syntax, writes what came bit by bit."""

    title = "STORESCP"

    def __init__(self, folder: Path, extra: Sequence[str] = ()) -> None:
        super().__init__(folder / "storescp.log")
        self.folder = folder / "received"
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self._extra = list(extra)

    def command(self) -> list[str]:
        return [
            *(peer_program("storescp", "dcmtk"), "-v", "+xa", "+B", "-pdu", LARGEST_PDU, "-fe", ".dcm"),
            *("-aet", self.title, "-od", str(self.folder), *self._extra, str(self.port)),
        ]

    def ready(self) -> bool:
        # Its own log must show the echo: any other server on this port would leave ours without one.
        before = self._echoes()
        return echo(self.port, self.title) and self._echoes() > before

    def _echoes(self) -> int:
        return self.log.read_bytes().count(b"Received Echo Request")

    def files(self) -> list[Path]:
        """List what it has received so far."""
        return sorted(self.folder.glob("*.dcm"))


class Orthanc(Server):
    """An Orthanc of its own: own name, storage and ports; REST on the loopback address only."""

    title = "ORTHANC"

    def __init__(self, folder: Path, settings: dict[str, Any] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "orthanc.log")
        self.port = free_port()
        self.http_port = free_port()
        self.name = f"test-{os.getpid()}-{self.port}"
        self._configuration = folder / "orthanc.json"
        self._configuration.write_text(
            json.dumps(
                {
                    "Name": self.name,
                    "StorageDirectory": str(folder / "storage"),
                    "IndexDirectory": str(folder / "storage"),
                    "HttpPort": self.http_port,
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "DicomAet": self.title,
                    "DicomPort": self.port,
                    "DicomCheckCalledAet": True,
                    "Plugins": [],
                    **(settings or {}),
                }
            )
        )

    def command(self) -> list[str]:
        return [peer_program("Orthanc", "orthanc"), str(self._configuration)]

    def ready(self) -> bool:
        try:
            system = self.json("/system")
        except (OSError, http.client.HTTPException):
            return False
        return bool(system["Name"] == self.name) and echo(self.port, self.title)

    def get(self, path: str) -> bytes:
        """Answer of its REST interface; anything but 200 fails."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=120)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == http.HTTPStatus.OK, f"{path}: {answer.status}"
            return answer.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """Answer of its REST interface, parsed."""
        return json.loads(self.get(path))

    def store(self, path: Path) -> None:
        """Put a file into it over its REST interface; a file that it does not take fails."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=120)
        try:
            with path.open("rb") as file:
                connection.request("POST", "/instances", file, {"Content-Type": "application/dicom"})
                answer = connection.getresponse()
                assert answer.status == http.HTTPStatus.OK, f"{path.name}: {answer.status}"
                assert json.loads(answer.read())["Status"] == "Success", path.name
        finally:
            connection.close()

    def instances(self) -> list[str]:
        """Orthanc's identifiers of the instances it holds."""
        return sorted(self.json("/instances"))

    def sop_instance_uids(self) -> list[str]:
        """SOP Instance UIDs of what it holds."""
        tags = (self.json(f"/instances/{identifier}") for identifier in self.instances())
        return sorted(tag["MainDicomTags"]["SOPInstanceUID"] for tag in tags)

    def file(self, identifier: str) -> bytes:
        """One instance as the Part 10 file it would hand out."""
        return self.get(f"/instances/{identifier}/file")


@contextmanager
def running(make: Callable[[Path], ServerType]) -> Iterator[ServerType]:
    """Start a server in a folder of its own; where its port was lost to another program, ask for another."""
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        for attempt in range(ATTEMPTS):
            server = make(Path(folder) / str(attempt))
            try:
                server.start()
                break
            except OSError:
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield server
        finally:
            server.stop()


def running_storescp(*extra: str) -> AbstractContextManager[StoreScp]:
    """Run dcmtk's storescp, with extra options of its command line."""
    return running(lambda folder: StoreScp(folder, extra))


def running_orthanc(**settings: object) -> AbstractContextManager[Orthanc]:
    """Run Orthanc, with extra settings of its configuration file."""
    return running(lambda folder: Orthanc(folder, settings))


@pytest.fixture
def storescp() -> Iterator[StoreScp]:
    """Run dcmtk's storescp while the test runs; it can be stopped and started again on its port."""
    with running_storescp() as server:
        yield server


@pytest.fixture
def orthanc() -> Iterator[Orthanc]:
    """Run an empty Orthanc while the test runs; it can be stopped and started again on its ports."""
    with running_orthanc() as server:
        yield server


def dciodvfy(path: Path) -> list[str]:
    """Errors that dciodvfy finds in a file (its exit code counts warnings as well, so it is not used)."""
    return _validator_errors("dciodvfy", [path])


def dcentvfy(paths: Iterable[Path]) -> list[str]:
    """Errors that dcentvfy finds between files: one patient, study or series told in two ways."""
    return _validator_errors("dcentvfy", list(paths))


def _validator_errors(name: str, paths: list[Path]) -> list[str]:
    assert paths, f"{name}: nothing to look at"
    command = [environment_program(name, "dicom3tools"), *map(str, paths)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert done.returncode in {0, 1}, f"{name} exited {done.returncode}"
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.startswith("Error")]
