"""Profile files: where they are, and what they may say before anything is compiled."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicomanon.errors import ProfileError
from dicomanon.profile.words import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """One TOML file: what it says, and where it says it."""

    path: Path
    data: dict[str, Any]
    text: str

    def at(self, *keys: str | int) -> str:
        """Return file and line of a setting, for the front of a message."""
        from dicomanon.profile.lines import lines_of  # only for what is wrong

        lines: Mapping[tuple[str | int, ...], int] = lines_of(self.text)
        line = lines.get(keys) or lines.get(keys[:-1])
        return f"{self.path.name}:{line}" if line else self.path.name


KINDS = {
    "name": "text",
    "title": "text",
    "extends": "text",
    "anonymous": "true or false",
    "options": "a list of texts",
    "words": "a list of texts",
    "forbids": "a list of texts",
    "masks": "a list of texts",
    "pixels": "a table of texts",
    "slides": "a table of texts",
    "objects": "a table of texts",
    "override": "tables of texts, [[override]]",
    "private": "tables of texts, [[private]]",
    "code": "tables of texts, [[code]]",
}
"""Settings of a profile file."""


def layers_of(name_or_path: str) -> list[Layer]:
    """Return a profile file and those it extends, the base first; raise ProfileError, also for a circle."""
    layers: list[Layer] = []
    path = _find_file(name_or_path)
    while True:
        layer = read_layer(path)
        _check_kinds(layer)
        layers.insert(0, layer)
        if "extends" not in layer.data:
            return layers
        where = layer.at("extends")
        path = _find_file(layer.data["extends"], f"{where}: ")
        if any(path == each.path for each in layers):
            raise ProfileError(f"{where}: the profile extends itself")


def _check_kinds(layer: Layer) -> None:
    """Refuse settings that are unknown or of the wrong kind."""
    for key, value in layer.data.items():
        if key not in KINDS:
            raise ProfileError(f"{layer.at(key)}: there is no setting {key!r}{nearest(key, KINDS)}")
        kind = KINDS[key]
        wrong: tuple[str | int, ...] = ()
        if kind == "text":
            good = isinstance(value, str)
        elif key == "anonymous":
            good = isinstance(value, bool)
        elif key in ("options", "words", "forbids", "masks"):
            good = _are_texts(value)
        elif key in ("pixels", "slides", "objects"):
            good = isinstance(value, dict) and _are_texts([*value.values()])
        else:
            good = isinstance(value, list) and all(isinstance(line, dict) for line in value)
            words = (
                (at, word, each)
                for at, line in enumerate(value if good else ())
                for word, each in line.items()
            )
            wrong = next(((at, word) for at, word, each in words if not isinstance(each, str)), ())
        if wrong or not good:
            raise ProfileError(f"{layer.at(key, *wrong)}: {key} must be {kind}")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _find_file(name_or_path: str, where: str = "") -> Path:
    if name_or_path in shipped_names():
        return shipped_folder() / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        known = nearest(name_or_path, shipped_names()) or f"; shipped are {', '.join(shipped_names())}"
        raise ProfileError(f"{where}there is no profile {name_or_path!r}{known}")
    return path


def read_layer(path: Path) -> Layer:
    """Parse a TOML file; raise ProfileError naming it, and the line where it is no TOML."""
    try:
        text = path.read_bytes().decode().replace("\r\n", "\n")
        return Layer(path, tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path.name}: {error}") from None
    except UnicodeDecodeError:
        raise ProfileError(f"{path.name}: the file is not UTF-8") from None
    except OSError:
        raise ProfileError(f"{path.name}: the file cannot be read") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file that comes with the package."""
    return read_layer(path).data
