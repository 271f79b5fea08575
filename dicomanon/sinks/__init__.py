"""Where cleared instances go: one module per kind of destination, named as its URL scheme.

``dicom://CALLED@host:port?calling=TITLE`` is opened by `sinks/dicom.py`, ``file:///folder`` and plain paths
by `sinks/file.py`; of a scheme like ``dicomweb+https`` the word before the plus names the module. Each module
ends in ``SINK = SinkType(scheme, check, open)``; being there is all it takes to be found.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dicomanon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.pipeline import Cleared


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for a peer before it counts as gone, in seconds."""

    connect: float = 10.0
    associate: float = 30.0
    idle: float = 60.0
    """An association on which nothing happens."""
    transfer: float = 60.0
    """A peer that neither sends nor takes the next bytes of a data set."""
    response: float = 300.0
    """An archive that has everything and has not answered yet."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a destination said: its status word (0000 where it has none), and whether it took the instance."""

    destination: str
    status: int
    stored: bool


class Sink(Protocol):
    """One destination, used by one thread at a time; connections are opened when they are needed."""

    def send(self, cleared: Cleared) -> Receipt:
        """Deliver; a Receipt is an answer, none raises PeerUnreachableError, a refusal PeerRefusedError."""
        ...

    def close(self) -> None:
        """Let go of connections; the next `send` opens new ones."""
        ...


@dataclass(frozen=True, slots=True)
class SinkType:
    """A kind of destination: its URL scheme, a check of the URL's form, and how to open it."""

    scheme: str
    check: Callable[[str], None]
    open: Callable[[str, Timeouts], Sink]


def schemes() -> tuple[str, ...]:
    """Name every kind of destination there is."""
    import pkgutil  # these take longer to load than to use

    return tuple(one.name for one in pkgutil.iter_modules(__path__) if not one.name.startswith("_"))


def check_url(url: str) -> None:
    """Raise ConfigError when no kind of destination can be opened by this URL; opens nothing."""
    _sink_type(url).check(url)


def open_sink(url: str, timeouts: Timeouts | None = None) -> Sink:
    """Open the destination that a URL or a folder's path names; raises ConfigError when there is none."""
    return _sink_type(url).open(url, timeouts or Timeouts())


def _sink_type(url: str) -> SinkType:
    scheme = url.partition("://")[0] if "://" in url else "file"
    kind = scheme.partition("+")[0]
    known = schemes()
    if kind not in known:
        import difflib

        near = difflib.get_close_matches(kind, known, n=1, cutoff=0)
        hint = f", did you mean {near[0]}?" if near else ""
        raise ConfigError(f"no destination is opened by {scheme}://{hint}")
    found: object = importlib.import_module(f"{__name__}.{kind}").SINK
    if not isinstance(found, SinkType):
        raise ConfigError(f"the module of {kind}:// has no SinkType")
    return found
