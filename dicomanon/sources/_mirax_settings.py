"""What Slidedat.ini says of an MRXS: its files, its levels, and the names of the records that are no tiles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._pyramid import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dicomanon.sources._ini import Line

    Sections = Mapping[str, Mapping[str, str]]

INDEX = re.compile(r"(?:Index|Data\d{4,6})\.dat")
_MOST = 4096
"""Levels, records and data files that a slide may say it has, each."""
_MOST_PLACES = 1 << 22
_LARGEST_TILE, _DEEPEST = 1 << 13, 24
_COUNT = re.compile(r"\d{1,9}")
_ZOOM, _FOCUS, _FILTER = "Slide zoom level", "Microscope focus level", "Slide filter level"
POSITIONS = ("VIMSLIDE_POSITION_BUFFER", "StitchingIntensityLayer")
"""Groups of the records that say where fields of view lie."""
_JPEG = "JPEG"


@dataclass(frozen=True, slots=True)
class Level:
    """A level: its tiles in pixels, and how many times smaller than the base it is, as a power of two."""

    columns: int
    rows: int
    exponent: int
    overlaps: bool
    format: str
    spacing: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The slide as Slidedat.ini describes it.

    `across` and `down` count places for tiles of the base. `layers` are (group, name) of the records that are no
    tiles, in the order of the index.
    """

    identifier: str
    index: str
    files: tuple[str, ...]
    across: int
    down: int
    divisions: int
    levels: tuple[Level, ...]
    layers: tuple[tuple[str, str], ...]
    planes: int
    filters: int
    fluorescence: bool
    zoom_first: bool

    @property
    def is_grid(self) -> bool:
        """Whether tiles are JPEG and lie side by side, none over another, so that they are frames as they are."""
        sizes = {(level.columns, level.rows) for level in self.levels}
        return (
            self.zoom_first
            and self.divisions == self.planes == self.filters == 1
            and self.levels[0].exponent == 0
            and len(sizes) == 1
            and not any(level.overlaps or level.format != _JPEG for level in self.levels)
            and not any(group in POSITIONS for group, _ in self.layers)
        )


def read_settings(lines: Iterable[Line]) -> Settings:
    """Return the settings; raise CorruptSlideError where a line that is needed is missing or says what cannot be.

    Raises SlideError where files have names that are not those of the format.
    """
    sections: dict[str, dict[str, str]] = {}
    for line in lines:
        sections.setdefault(line.section, {})[line.key] = line.value
    general = sections.get("GENERAL", {})
    groups = range(_count(sections, "HIERARCHICAL", "HIER_COUNT"))
    hierarchies = [_word(sections, "HIERARCHICAL", f"HIER_{group}_NAME") for group in groups]
    if _ZOOM not in hierarchies:
        raise CorruptSlideError("Slidedat.ini lacks its sections")
    counts = [_count(sections, "HIERARCHICAL", f"HIER_{group}_COUNT") for group in groups]
    zoom = hierarchies.index(_ZOOM)
    across, down = (_count(sections, "GENERAL", f"IMAGENUMBER_{axis}", 1 << 20) for axis in "XY")
    if not 0 < across * down <= _MOST_PLACES:
        raise CorruptSlideError("the slide has no place for tiles, or absurdly many")
    has_divisions = "CameraImageDivisionsPerSide" in general
    divisions = _count(sections, "GENERAL", "CameraImageDivisionsPerSide") if has_divisions else 1
    # OpenSlide reads beyond its memory where a field of view at the edge is not whole.
    if not divisions or across % divisions or down % divisions:
        raise CorruptSlideError("fields of view are not whole")
    focus, filters = (
        sum(count for name, count in zip(hierarchies, counts, strict=True) if name == each)
        for each in (_FOCUS, _FILTER)
    )
    kinds = " ".join(value for key, value in general.items() if key.endswith("SLIDE_TYPE")).upper()
    return Settings(
        identifier=_word(sections, "GENERAL", "SLIDE_ID"),
        index=_file(sections, "HIERARCHICAL", "INDEXFILE"),
        files=tuple(
            _file(sections, "DATAFILE", f"FILE_{each}")
            for each in range(_count(sections, "DATAFILE", "FILE_COUNT"))
        ),
        across=across,
        down=down,
        divisions=divisions,
        levels=_levels(sections, zoom, counts[zoom]),
        layers=tuple(_layers(sections)),
        planes=max(1, focus, _steps(sections)),
        filters=max(1, filters),
        fluorescence="FLUORESCENCE" in kinds or (filters > 1 and "BRIGHTFIELD" not in kinds),
        zoom_first=zoom == 0,
    )


def _levels(sections: Sections, group: int, count: int) -> tuple[Level, ...]:
    found: list[Level] = []
    exponent = 0
    for each in range(count):
        name = _word(sections, "HIERARCHICAL", f"HIER_{group}_VAL_{each}_SECTION")
        columns, rows = (
            _count(sections, name, f"DIGITIZER_{side}", _LARGEST_TILE) for side in ("WIDTH", "HEIGHT")
        )
        exponent += _count(sections, name, "IMAGE_CONCAT_FACTOR")
        if not (columns and rows) or exponent > _DEEPEST:
            raise CorruptSlideError("a level has tiles of no size, or is absurdly small")
        overlaps = [_word(sections, name, f"OVERLAP_{axis}") for axis in "XY"]
        spacing = [number(_word(sections, name, f"MICROMETER_PER_PIXEL_{axis}")) for axis in "YX"]
        found.append(
            Level(
                columns,
                rows,
                exponent,
                any(_real(each) != 0 for each in overlaps),
                _word(sections, name, "IMAGE_FORMAT").upper(),
                (spacing[0] / 1000, spacing[1] / 1000) if spacing[0] and spacing[1] else None,
            )
        )
    if not found:
        raise CorruptSlideError("there is no image of tissue")
    return tuple(found)


def _layers(sections: Sections) -> Iterable[tuple[str, str]]:
    total = 0
    for group in range(_count(sections, "HIERARCHICAL", "NONHIER_COUNT")):
        name = _word(sections, "HIERARCHICAL", f"NONHIER_{group}_NAME")
        for each in range(_count(sections, "HIERARCHICAL", f"NONHIER_{group}_COUNT")):
            total += 1
            if total > _MOST:
                raise CorruptSlideError("Slidedat.ini has absurdly many records")
            yield name, _word(sections, "HIERARCHICAL", f"NONHIER_{group}_VAL_{each}")


def _steps(sections: Sections) -> int:
    """Return how many focal planes a section of a level says that it has."""
    found = (lines.get("ZSTACK_STEP_COUNT", "") for lines in sections.values())
    return max((int(each) for each in found if _COUNT.fullmatch(each)), default=1)


def _word(sections: Sections, section: str, key: str) -> str:
    found = sections.get(section, {}).get(key, "")
    if not found:
        raise CorruptSlideError("Slidedat.ini lacks a line that readers need")
    return found


def _count(sections: Sections, section: str, key: str, most: int = _MOST) -> int:
    found = _word(sections, section, key)
    if not _COUNT.fullmatch(found) or int(found) > most:
        raise CorruptSlideError("a number in Slidedat.ini is none, or absurdly large")
    return int(found)


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CorruptSlideError("a number in Slidedat.ini is none") from None


def _file(sections: Sections, section: str, key: str) -> str:
    found = _word(sections, section, key)
    if not INDEX.fullmatch(found):
        raise SlideError("the files of the slide do not have the names that the format gives them")
    return found
