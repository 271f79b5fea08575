"""The engine under test: a command from folder to folder, or a DICOM node that forwards to the kit's receiver."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 300
SETTLE = 5
"""Seconds without an arrival after which a node has nothing more to forward: what it dropped on purpose never comes."""
LOOPBACK = {"127.0.0.1", "localhost"}
ADDRESS = re.compile(r"dicom://(?:([^@]+)@)?([^:@]+):(\d+)")
ANY_TITLE = "ANY-SCP"
"""The called AE title of an address without one."""


class EngineError(Exception):
    """The engine cannot be asked at all: a template without {in}, a program that is not there, a closed port."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the engine: what it said at its end, and whether that was a good end."""

    note: str
    good: bool


class Engine(Protocol):
    """What is tested: `options` tells whether it takes option keywords."""

    @property
    def options(self) -> bool:
        """Whether it can be told options; otherwise it is tested for the Basic Profile alone."""
        ...

    @property
    def alone(self) -> bool:
        """Whether nobody else writes where the outputs are looked for."""
        ...

    def run(self, source: Path, out: Path, options: tuple[str, ...]) -> Ran:
        """De-identify every file of `source` into the empty folder `out`."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """A command template: {in} and {out} are folders, {options} takes `option_form` with {keyword} filled in."""

    template: str
    option_form: str = "--option {keyword}"
    seconds: float = SECONDS
    alone = True
    """Nobody else writes where the outputs are looked for."""

    def __post_init__(self) -> None:
        if "{in}" not in self.template or "{out}" not in self.template:
            raise EngineError("the engine's command needs {in} and {out}")

    @property
    def options(self) -> bool:
        """Whether the template has a place for options."""
        return "{options}" in self.template

    def words(self, source: Path, out: Path, options: tuple[str, ...]) -> list[str]:
        """Return the command line, split as a shell would."""
        found: list[str] = []
        for word in shlex.split(self.template):
            if word == "{options}":
                for keyword in options:
                    found += shlex.split(self.option_form.replace("{keyword}", keyword))
            else:
                found.append(word.replace("{in}", str(source)).replace("{out}", str(out)))
        return found

    def run(self, source: Path, out: Path, options: tuple[str, ...]) -> Ran:
        """Run the command; a program that is not there raises EngineError."""
        try:
            done = subprocess.run(
                self.words(source, out, options),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ran(f"stopped after {self.seconds:g} seconds", good=False)
        except OSError as error:
            raise EngineError(f"the engine does not start: {error.strerror}") from error
        code = done.returncode
        return Ran(f"killed by signal {-code}" if code < 0 else f"exit code {code}", good=code == 0)

    def close(self) -> None:
        """Hold nothing."""


class Node:
    """A DICOM node, `dicom://AET@host:port`, that its owner has told to forward to AE title KIT at `port`."""

    options = False
    alone = False
    """An instance may come late, of a run before."""

    def __init__(self, address: str, listen_port: int = 0, settle: float = SETTLE) -> None:
        from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
        from pynetdicom.sop_class import Verification

        match = ADDRESS.fullmatch(address)
        if match is None:
            raise EngineError("a node is written dicom://host:port or dicom://AET@host:port")
        self.title, self.host, self.remote = match[1] or ANY_TITLE, match[2], int(match[3])
        self._settle = settle
        self._taken = Path(tempfile.mkdtemp(prefix="kit-received-"))
        self._count = 0
        receiver = AE(ae_title="KIT")
        receiver.add_supported_context(Verification)
        for context in AllStoragePresentationContexts:
            receiver.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
        # A node on this machine is reached on it alone; one elsewhere has to reach the receiver from there.
        own = "127.0.0.1" if self.host in LOOPBACK else ""
        self._server: Any = receiver.start_server(
            (own, listen_port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._take)]
        )
        self.port: int = self._server.server_address[1]

    def _take(self, event: Any) -> int:
        self._count += 1
        path = self._taken / f"{self._count:06}.part"
        path.write_bytes(event.encoded_dataset())
        path.rename(path.with_suffix(".dcm"))
        return 0

    def run(self, source: Path, out: Path, options: tuple[str, ...]) -> Ran:
        """Send every file, then wait until as many came back as were taken, or nothing came for a while."""
        assert not options
        for old in self._taken.iterdir():
            old.unlink()
        taken, refused = self._send(sorted(source.iterdir()))
        quiet, seen = time.monotonic(), 0
        while (now := len(list(self._taken.glob("*.dcm")))) < taken:
            if now != seen:
                quiet, seen = time.monotonic(), now
            if time.monotonic() - quiet > self._settle:
                break
            time.sleep(0.05)
        for path in self._taken.glob("*.dcm"):
            path.rename(out / path.name)
        return Ran(f"{taken} taken, {refused} refused", good=not refused)

    def _send(self, files: list[Path]) -> tuple[int, int]:
        from pydicom import dcmread
        from pynetdicom import AE

        sender, seen = AE(ae_title="KITSENDER"), set()
        datasets = [dcmread(path) for path in files]
        for dataset in datasets:
            pair = (dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
            if pair not in seen:
                seen.add(pair)
                sender.add_requested_context(*pair)
        association = sender.associate(self.host, self.remote, ae_title=self.title)
        if not association.is_established:
            raise EngineError("the node does not take an association")
        taken = 0
        for dataset in datasets:
            taken += self._took(association, dataset)
        association.release()
        return taken, len(files) - taken

    def _took(self, association: Any, dataset: Any) -> bool:
        try:
            status = association.send_c_store(dataset)
        except (ValueError, RuntimeError):
            return False
        return getattr(status, "Status", None) == 0

    def close(self) -> None:
        """Stop the receiver."""
        self._server.shutdown()
        for path in self._taken.iterdir():
            path.unlink()
        self._taken.rmdir()


def outputs(folder: Path) -> Iterator[Path]:
    """Yield the files that came out."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file())
