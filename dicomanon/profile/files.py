"""Profile files: where they are, and what they may say before anything is compiled."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicomanon.errors import ProfileError
from dicomanon.profile.words import nearest

PACKAGE = Path(__file__).parents[1]


def shipped_folder() -> Path:
    """Return the folder of the profiles that come with the package, from a wheel or from a checkout."""
    installed = PACKAGE / "profiles"
    return installed if installed.is_dir() else PACKAGE.parent / "profiles"


def shipped_names() -> list[str]:
    """Return the names of the profiles that come with the package."""
    return sorted(path.stem for path in shipped_folder().glob("*.toml") if path.stem != "supplement")


@dataclass(frozen=True, slots=True)
class Layer:
    """One profile file of a chain of `extends`, the base first."""

    path: Path
    data: dict[str, Any]


_KINDS = {
    "name": "text",
    "title": "text",
    "extends": "text",
    "options": "a list of texts",
    "pixels": "a table of texts",
    "objects": "a table of texts",
    "override": "tables of texts, [[override]]",
}


def layers_of(name_or_path: str, seen: list[Path]) -> list[Layer]:
    """Return a profile file and those it extends, the base first; raise ProfileError, also for a circle."""
    path = _find_file(name_or_path)
    if path in seen:
        raise ProfileError(f"{path.name}: the profile extends itself")
    data = read_toml(path)
    _check_kinds(path.name, data)
    base = layers_of(data["extends"], [*seen, path]) if "extends" in data else []
    return [*base, Layer(path, data)]


def _check_kinds(where: str, data: dict[str, Any]) -> None:
    """Refuse settings that are unknown or of the wrong kind."""
    for key, value in data.items():
        if key not in _KINDS:
            raise ProfileError(f"{where}: there is no setting {key!r}{nearest(key, _KINDS)}")
        kind = _KINDS[key]
        if kind == "text":
            good = isinstance(value, str)
        elif key == "options":
            good = _are_texts(value)
        elif key in ("pixels", "objects"):
            good = isinstance(value, dict) and _are_texts([*value.values()])
        else:
            good = isinstance(value, list) and all(isinstance(line, dict) for line in value)
            good = good and all(_are_texts([*line.values()]) for line in value)
        if not good:
            raise ProfileError(f"{where}: {key} must be {kind}")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _find_file(name_or_path: str) -> Path:
    if name_or_path in shipped_names():
        return shipped_folder() / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        known = nearest(name_or_path, shipped_names()) or f"; shipped are {' and '.join(shipped_names())}"
        raise ProfileError(f"there is no profile {name_or_path!r}{known}")
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; raise ProfileError naming it."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path.name}: {error}") from None
    except OSError:
        raise ProfileError(f"{path.name}: the file cannot be read") from None
