"""A node as a process: its configuration from a file or a few options, its log, and the signals that end it."""

from __future__ import annotations

import json
import logging
import resource
import signal
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from dicomanon.config import Config, NodeConfig, RouteConfig, load_config
from dicomanon.errors import ConfigError
from dicomanon.node import serve
from dicomanon.node.outbox import DATABASE, Outbox
from dicomanon.node.status import read_status
from dicomanon.profile import DEFAULT, load_profile
from dicomanon.sinks import check_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def configured(
    path: Path | None, *, forward: str, port: int, spool: Path, profile: str, key: Path | None, scope: str
) -> Config:
    """Return the configuration of a file, or of a node with one route made of options; raise ConfigError."""
    if path is not None:
        return load_config(path)
    if not forward:
        raise ConfigError("name a destination with --forward, or a file with --config")
    check_url(forward)
    route = RouteConfig("default", (forward,), profile=profile or None, key=key, scope=scope or None)
    return Config(NodeConfig(spool=spool.absolute(), port=port), (route,))


def print_status(config: Config) -> str:
    """Return what is kept, delivered and refused, as JSON; raise ConfigError where no node has run."""
    return print_spool(config.node.spool)


def print_spool(spool: Path) -> str:
    """Return the same of a spool folder, which is only read; raise ConfigError where no node has run."""
    if not (spool / DATABASE).is_file():
        raise ConfigError("there is no spool there yet; no node has run with this configuration")
    outbox = Outbox(spool, read_only=True)
    try:
        return json.dumps(asdict(read_status(outbox)), indent=1)
    finally:
        outbox.close()


def run_until_signal(config: Config, say: Callable[[str], None], *, repeat_failed: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; log to standard error."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s level=%(levelname)s %(name)s %(message)s"
    )
    # A core dump would put identified bytes on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stop = threading.Event()

    def set_stop(*_: object) -> None:
        """Set it from another thread: this one may be inside of its lock, waiting for it."""
        threading.Thread(target=stop.set, daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, set_stop)

    def ready(port: int) -> None:
        for route in config.routes:
            profile = load_profile(route.profile or DEFAULT, route.options)
            if route.key is None and not profile.anonymous:
                say(f"route {route.name} has no key: replacement values will be others after the next start;")
                say("`dicomanon key FILE` makes one, which is to be kept as safe as the originals")
        routes = ", ".join(f"{route.name} -> {' and '.join(route.destinations)}" for route in config.routes)
        say(f"{config.node.ae_title} listens on {config.node.host}:{port}; {routes}")

    waiting = serve(config, ready=ready, stop=stop, repeat_failed=repeat_failed)
    if waiting:
        say(f"stopped; not yet delivered and waiting in {config.node.spool}: {waiting}")
    else:
        say("stopped; nothing waits to be delivered")
