"""What a statement speaks of: compiled profiles, and the configuration of a node where there is one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from dicomanon.config import load_config
from dicomanon.explain import explain
from dicomanon.profile import DEFAULT, load_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dicomanon.config import Config, RouteConfig
    from dicomanon.profile import Profile

FILES_AE = "files"
"""How the file tools are called where the standard asks for an Application Entity."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One profile with its options, and what `explain` tells of each of its rules; `routes` have it."""

    profile: Profile
    told: tuple[Mapping[str, str], ...]
    routes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the profile's name with its options, which tells it from others."""
        options = ", ".join(option.keyword for option in self.profile.options)
        return f"{self.profile.name} ({options or 'no option'})"

    @property
    def digest(self) -> str:
        """Return a digest of all rules: two statements with one digest describe the same de-identification."""
        profile = self.profile
        rest = [
            sorted(profile.pixels.items()),
            sorted(profile.objects.items()),
            sorted(profile.words),
            sorted((*key, vr) for key, vr in profile.private.items()),
            sorted((*key, meaning) for key, meaning in profile.local_codes.items()),
            sorted((tag, str(found)) for tag, found in profile.paths.items()),
            sorted((vr, str(rule)) for vr, rule in profile.vr_overrides.items()),
            sorted(profile.instance_codes),
            [text for _, text in profile.device_masks],
        ]
        told = [dict(rule) for rule in self.told]
        return sha256(json.dumps([told, rest], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Subject:
    """What is described, and on which day."""

    policies: tuple[Policy, ...]
    config: Config | None
    day: str

    def called(self, policy: Policy) -> str:
        """Return a policy's name, as short as it tells it from the others."""
        alone = sum(other.profile.name == policy.profile.name for other in self.policies) == 1
        return policy.profile.name if alone else policy.name

    @property
    def entity(self) -> str:
        """Return the name of the Application Entity that de-identifies."""
        return self.config.node.ae_title if self.config else FILES_AE


def of_profile(name: str = DEFAULT, options: Iterable[str] = ()) -> Subject:
    """Describe the file tools under one profile; raises ProfileError."""
    return Subject((_policy(name, tuple(options), ()),), None, today())


def of_config(path: Path) -> Subject:
    """Describe the node of a configuration file; raises ConfigError and ProfileError, and opens no key."""
    config = load_config(path)
    routes: dict[tuple[str, tuple[str, ...]], list[RouteConfig]] = {}
    for route in config.routes:
        routes.setdefault((route.profile or DEFAULT, route.options), []).append(route)
    policies = tuple(
        _policy(name, options, tuple(route.name for route in found))
        for (name, options), found in routes.items()
    )
    return Subject(policies, config, today())


def today() -> str:
    """Return the day in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _policy(name: str, options: tuple[str, ...], routes: tuple[str, ...]) -> Policy:
    return Policy(load_profile(name, options), tuple(explain(name, options)["rules"]), routes)
