"""What a vendor slide carries: its images, and every place that says something, with what becomes of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dicomanon.sources import SlideImage, formats, open_slide, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dicomanon.sources import Field, Image


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the catalogue that has values in this slide; `times` are how often it comes, `offsets` where."""

    where: str
    names: str
    attribute: str
    why: str
    values: tuple[str, ...]
    times: int
    offsets: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An image of a slide: its flavour and size, and why its pixels have to be encoded, nothing where they pass."""

    flavour: str
    columns: int
    rows: int
    channels: int
    planes: int
    encoded: str

    def __str__(self) -> str:
        channels = f", {self.channels} channels" if self.channels > 1 else ""
        planes = f", {self.planes} focal planes" if self.planes > 1 else ""
        how = f"to be encoded: {self.encoded}" if self.encoded else "as it is"
        return f"{self.flavour:<9} {self.columns} x {self.rows}{channels}{planes}, {how}"


@dataclass(frozen=True, slots=True)
class Inspected:
    """A slide as it was found: its format, its images, its places in the order of the file."""

    format: str
    title: str
    images: tuple[Shown, ...]
    places: tuple[Place, ...]

    def as_document(self, places: Sequence[Place], *, values: bool) -> dict[str, object]:
        """Return what machines read; values only where they were asked for."""
        return {
            "format": self.format,
            "images": [asdict(image) for image in self.images],
            "places": [_document(place, values=values) for place in places],
        }


def inspect_slide(path: Path) -> Inspected:
    """Open a slide and list what it carries; raise what opening it raises."""
    with open_slide(path) as slide:
        title = next(each.title for each in formats() if each.name == slide.format)
        images = tuple(_image(image) for image in slide.images)
        names = [_file_name(path, slide.format)] if path.stem else []
        return Inspected(slide.format, title, images, (*names, *_places(slide.format, slide.fields)))


def _file_name(path: Path, name: str) -> Place:
    if name == "dicom":
        return Place("file name", "file", "", "File names are never carried.", (path.stem,), 1, ())
    why = (
        "File names are never carried; a container identifier is made of this one where there is no barcode."
    )
    return Place("file name", "file", "ContainerIdentifier", why, (path.stem,), 1, ())


def _places(name: str, fields: Sequence[Field]) -> list[Place]:
    """Return each place once, in the order of the file, with the values it has and where they stand."""
    told: dict[str, list[Field]] = {}
    for each in fields:
        if each.value.strip() or each.length:
            told.setdefault(each.place, []).append(each)
    found = []
    for where, same in told.items():
        row = row_of(name, where)
        values = tuple(dict.fromkeys(each.value for each in same))
        offsets = tuple((each.file, each.offset, each.length) for each in same if each.length)
        found.append(Place(where, row.names, row.attribute, row.why, values, len(same), offsets))
    return found


def _image(image: Image) -> Shown:
    why = "" if isinstance(image, SlideImage) else image.why
    return Shown(image.flavor, image.columns, image.rows, len(image.paths), image.planes, why)


def _document(place: Place, *, values: bool) -> dict[str, object]:
    found: dict[str, object] = {
        "place": place.where,
        "names": place.names,
        "attribute": place.attribute,
        "why": place.why,
        "times": place.times,
        "offsets": [list(each) for each in place.offsets],
    }
    return found | {"values": list(place.values)} if values else found
