"""One frozen `Config` from one TOML file; every unknown or wrong word is named with its file and key."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from dicomanon.errors import ConfigError
from dicomanon.sinks import Timeouts, check_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_T = TypeVar("_T")

SMALLEST_PDU = 4096
SMALLEST_HEADER, LARGEST_HEADER = 1 << 20, 512 << 20
LARGEST_PDU = 1 << 20
"""Never unlimited: a sender that may send any PDU size may also fill the memory (bytes)."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Back-off after a destination did not take an instance: seconds, and how often (0: without end)."""

    first: float = 1.0
    longest: float = 300.0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """What the node is called, where it listens, where it keeps what is not yet delivered, and its bounds."""

    spool: Path
    ae_title: str = "DICOMANON"
    host: str = "127.0.0.1"
    port: int = 11112
    max_pdu: int = 131072
    max_associations: int = 32
    quiet: float = 60.0
    """How long nothing more of a slide must come before its levels are looked at (seconds)."""
    hold_key: Path | None = None
    """Encrypts levels that wait; without it the key of their route does."""
    max_header: int = 128 << 20
    """What an instance may have before its Pixel Data; the header of 50,000 frames takes 41 MB (bytes)."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: Retry = field(default_factory=Retry)


@dataclass(frozen=True, slots=True)
class RouteConfig:
    """How instances of some senders leave, and where to; an empty `calling` takes every sender."""

    name: str
    destinations: tuple[str, ...]
    profile: str | None = None
    options: tuple[str, ...] = ()
    key: Path | None = None
    scope: str | None = None
    calling: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a node is told; made by `load_config`."""

    node: NodeConfig
    routes: tuple[RouteConfig, ...]


def load_config(path: Path) -> Config:
    """Read a configuration file; relative paths in it are relative to its folder; raises ConfigError."""
    try:
        data: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    top = _Table(path, "", data)
    config = Config(_node(top.table("node")), tuple(_route(table) for table in top.tables("route")))
    top.finish()
    _check_routes(path, config.routes)
    return config


def _node(table: _Table) -> NodeConfig:
    usual = NodeConfig(spool=table.path("spool"))
    node = NodeConfig(
        spool=usual.spool,
        ae_title=table.ae_title("ae_title", usual.ae_title),
        host=table.text("host", usual.host),
        port=table.whole("port", usual.port, 0, 65535),
        max_pdu=table.whole("max_pdu", usual.max_pdu, SMALLEST_PDU, LARGEST_PDU),
        max_associations=table.whole("max_associations", usual.max_associations, 1, 1000),
        max_header=table.whole("max_header", usual.max_header, SMALLEST_HEADER, LARGEST_HEADER),
        quiet=table.seconds("quiet", usual.quiet),
        hold_key=table.path("hold_key") if table.has("hold_key") else None,
        timeouts=_timeouts(table.table("timeouts")),
        retry=_retry(table.table("retry")),
    )
    table.finish()
    return node


def _timeouts(table: _Table) -> Timeouts:
    usual = Timeouts()
    timeouts = Timeouts(
        connect=table.seconds("connect", usual.connect),
        associate=table.seconds("associate", usual.associate),
        idle=table.seconds("idle", usual.idle),
        transfer=table.seconds("transfer", usual.transfer),
        response=table.seconds("response", usual.response),
    )
    table.finish()
    return timeouts


def _retry(table: _Table) -> Retry:
    usual = Retry()
    retry = Retry(
        first=table.seconds("first", usual.first),
        longest=table.seconds("longest", usual.longest),
        attempts=table.whole("attempts", usual.attempts, 0, 1_000_000),
    )
    table.finish()
    return retry


def _route(table: _Table) -> RouteConfig:
    route = RouteConfig(
        name=table.text("name"),
        destinations=table.texts("destinations"),
        profile=table.text("profile") if table.has("profile") else None,
        options=table.texts("options", ()),
        key=table.path("key") if table.has("key") else None,
        scope=table.text("scope") if table.has("scope") else None,
        calling=tuple(table.checked_ae_title("calling", name) for name in table.texts("calling", ())),
    )
    if not route.destinations:
        raise table.error("destinations", "names no destination")
    for url in route.destinations:
        try:
            check_url(url)
        except ConfigError as error:
            raise table.error("destinations", str(error)) from error
    table.finish()
    return route


def _check_routes(path: Path, routes: tuple[RouteConfig, ...]) -> None:
    if not routes:
        raise ConfigError(f"{path}: route: at least one [[route]] is needed")
    for index, route in enumerate(routes):
        if any(route.name == other.name for other in routes[:index]):
            raise ConfigError(f"{path}: route[{index}].name: two routes have the same name")
        taken = {name for other in routes[:index] for name in other.calling or ("",)}
        if taken & set(route.calling or ("",)):
            raise ConfigError(f"{path}: route[{index}].calling: a route before it takes the same senders")


class _Table:
    """One TOML table being read: words asked for are known, words left over at `finish` are refused."""

    def __init__(self, file: Path, key: str, data: Mapping[str, object]) -> None:
        self._file = file
        self._key = key
        self._data = data
        self._known: list[str] = []

    def error(self, word: str, what: str) -> ConfigError:
        key = f"{self._key}.{word}" if self._key else word
        return ConfigError(f"{self._file}: {key}: {what}")

    def finish(self) -> None:
        for word in self._data:
            if word not in self._known:
                near = difflib.get_close_matches(word, self._known, n=1, cutoff=0)
                hint = f", did you mean {near[0]}?" if near else ""
                raise self.error(word, f"unknown{hint}")

    def has(self, word: str) -> bool:
        self._known.append(word)
        return word in self._data

    def text(self, word: str, default: str | None = None) -> str:
        return self._value(word, default, "text", _is_text)

    def texts(self, word: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        usual = None if default is None else list(default)
        return tuple(self._value(word, usual, "a list of texts", _is_texts))

    def whole(self, word: str, default: int, lowest: int, highest: int) -> int:
        value = self._value(word, default, "a whole number", _is_whole)
        if not lowest <= value <= highest:
            raise self.error(word, f"must be between {lowest} and {highest}")
        return value

    def seconds(self, word: str, default: float) -> float:
        value = float(self._value(word, default, "a number of seconds", _is_number))
        if value <= 0:
            raise self.error(word, "must be more than 0 seconds")
        return value

    def path(self, word: str) -> Path:
        return (self._file.parent / self.text(word)).absolute()

    def ae_title(self, word: str, default: str) -> str:
        return self.checked_ae_title(word, self.text(word, default))

    def checked_ae_title(self, word: str, value: str) -> str:
        title = value.strip()
        if not 1 <= len(title) <= 16 or not title.isascii() or not title.isprintable() or "\\" in title:
            raise self.error(word, "an AE title has 1 to 16 printable characters and no backslash")
        return title

    def table(self, word: str) -> _Table:
        return _Table(self._file, self._below(word), self._value(word, {}, "a table", _is_table))

    def tables(self, word: str) -> list[_Table]:
        found = self._value(word, [], "an array of tables", _is_tables)
        return [_Table(self._file, f"{self._below(word)}[{at}]", data) for at, data in enumerate(found)]

    def _below(self, word: str) -> str:
        return f"{self._key}.{word}" if self._key else word

    def _value(
        self, word: str, default: _T | None, kind: str, check: Callable[[object], TypeGuard[_T]]
    ) -> _T:
        self._known.append(word)
        value = self._data.get(word, default)
        if value is None:
            raise self.error(word, "is needed")
        if not check(value):
            raise self.error(word, f"must be {kind}")
        return value


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value)


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(_is_text(one) for one in value)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_table(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_tables(value: object) -> TypeGuard[list[dict[str, object]]]:
    return isinstance(value, list) and all(_is_table(one) for one in value)
