"""From a configured route to the pipeline's: its profile, key and audit log, opened once at the start."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dicomanon.errors import ConfigError
from dicomanon.node.lane import Lane
from dicomanon.pipeline import Route, make_route
from dicomanon.profile import DEFAULT, load_profile
from dicomanon.profile.pixels import looks_into_tissue
from dicomanon.pseudonym import Pseudonymizer, ephemeral_key, read_key

if TYPE_CHECKING:
    from dicomanon.audit import AuditLog
    from dicomanon.config import NodeConfig, RouteConfig

log = logging.getLogger(__name__)

KEPT_KEY = (
    "The profile is for data that nobody can trace back: while somebody keeps the key they are pseudonymous. "
    "Take `key` out of the route, or choose another profile."
)


NO_KEY = (
    "looks into tissue and has no key: levels wait for the rest of their slide, encrypted under it. "
    "Give the route a `key`, or [node] a `hold_key`, or let VOLUME and burned-in be keep, drop or quarantine"
)


def open_lane(config: RouteConfig, node: NodeConfig, audit: AuditLog | None = None) -> Lane:
    """Open a route, and the key for what has to wait.

    Raises ProfileError, KeyFileError, and ConfigError where there is none.
    """
    route = open_route(config, audit)
    profile = route.deidentifier.profile
    key = b""
    if looks_into_tissue(profile.pixels):
        if node.hold_key is not None:
            key = Pseudonymizer(read_key(node.hold_key)).storage_key()
        elif config.key is not None:
            key = route.deidentifier.pseudonymizer.storage_key()
        else:
            raise ConfigError(f"route {config.name} {NO_KEY}")
    return Lane(route, config.destinations, config.calling, key)


def open_route(config: RouteConfig, audit: AuditLog | None = None) -> Route:
    """Compile the profile and read the key; raises ProfileError and KeyFileError."""
    profile = load_profile(config.profile or DEFAULT, config.options)
    if profile.note:
        log.warning("route=%s profile=%s %s", config.name, profile.name, profile.note)
    if config.key is None:
        # Pseudonyms will differ after the next start: fine for a trial, not for a study.
        log.warning("route=%s key=ephemeral", config.name)
        pseudonymizer = Pseudonymizer(ephemeral_key(), ephemeral=True)
    else:
        if profile.anonymous:
            log.warning("route=%s profile=%s key=kept %s", config.name, profile.name, KEPT_KEY)
        pseudonymizer = Pseudonymizer(read_key(config.key))
    return make_route(config.name, profile, pseudonymizer, scope=config.scope or "", audit=audit)
