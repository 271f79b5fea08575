"""From a configured route to the pipeline's: its profile, key and audit log, opened once at the start."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dicomanon.pipeline import Route, make_route
from dicomanon.profile import DEFAULT, load_profile
from dicomanon.pseudonym import Pseudonymizer, ephemeral_key, read_key

if TYPE_CHECKING:
    from dicomanon.audit import AuditLog
    from dicomanon.config import RouteConfig

log = logging.getLogger(__name__)

KEPT_KEY = (
    "The profile is for data that nobody can trace back: while somebody keeps the key they are pseudonymous. "
    "Take `key` out of the route, or choose another profile."
)


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
