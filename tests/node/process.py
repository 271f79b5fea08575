"""A node as a process of its own, so that a test can kill it as a power cut would."""

from __future__ import annotations

import logging
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dicomanon.config import load_config
from dicomanon.node import serve
from dicomanon.profile import DEFAULT
from dicomanon.pseudonym import write_key

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[2]
TITLE = "NODE"
START_SECONDS = 30.0


class NodeProcess:
    """Runs `main` below on a port that the system gives; `start` again after `kill` to see what survived."""

    def __init__(
        self,
        folder: Path,
        destinations: list[str],
        *,
        spool: Path | None = None,
        profile: str = DEFAULT,
        more: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.spool = spool or folder / "spool"
        self.log = folder / "node.log"
        self._ready = folder / "ready"
        self._config = folder / "node.toml"
        self._config.write_text(
            f'[node]\nae_title = "{TITLE}"\nport = 0\nspool = "{self.spool}"\n{more}\n'
            "[node.retry]\nfirst = 0.2\nlongest = 0.5\n"
            f'[[route]]\nname = "research"\nkey = "key"\nprofile = "{profile}"\ndestinations = {destinations}\n'
        )
        write_key(folder / "key")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def pid(self) -> int:
        """Process id of the running node."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.node.process", self._config, self._ready],
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._listens, START_SECONDS, "the node listens")
        self.port = int(self._ready.read_text())

    def kill(self) -> None:
        """End it at once, wherever it is."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End it in order; harmless when it does not run."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            finally:
                self._process.kill()
                self._process = None

    def states(self) -> list[str]:
        """State of every delivery, by instance number."""
        return [str(row[0]) for row in self.rows("SELECT state FROM delivery ORDER BY instance")]

    def refusals(self) -> list[tuple[object, ...]]:
        """Outcome, reason and status of everything that was refused."""
        return self.rows("SELECT outcome, reason, status FROM refusal")

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read from the node's database as it is at this moment."""
        database = sqlite3.connect(self.spool / "outbox.sqlite", timeout=10)
        try:
            return list(database.execute(query))
        finally:
            database.close()

    def parts(self) -> list[Path]:
        """List the files being received."""
        return [path for path in (self.spool / "incoming").glob(".*") if path.is_file()]

    def kept(self) -> list[Path]:
        """List the files that wait for delivery."""
        return sorted((self.spool / "outbox").iterdir())

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-2000:]
        return self._ready.exists() and self._ready.read_text().endswith("\n")


def wait_until(condition: Callable[[], object], seconds: float, what: str, *, every: float = 0.002) -> None:
    """Poll until `condition` holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(every)


def main(config: Path, ready: Path) -> None:
    """Run a node until SIGTERM; write its port to `ready`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def tell(port: int) -> None:
        ready.write_text(f"{port}\n")

    serve(load_config(config), ready=tell, stop=stop)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
