"""Cases made by hand: a folder each under `conformance/cases`, with a `case.toml` that says all of it.

    title, reason, source   what it is about, why it matters, where the standard says so
    object                  "slide" (five instances), "photograph", "report" or "presentation"
    options                 keywords of options; the case is left out for an engine that takes none
    may_drop                instances that an engine may leave out as a whole ("LABEL", "OVERVIEW")
    [[plant]]               path, value, and where it is needed vr and instances; `nested` is hidden in UN
    [[expect]]              action (one of the ten), path or paths, value, instances; for text_retained also
                            `contains`: words of a planted text that have to be left of it

A path is keywords or tags with dots between; items that are missing are made, and a look goes through all items.
`preamble` is the one of the file, `meta.` leads into group 2. `value` of text_removed may stand nowhere in the file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence as Items

from conformance.kit import objects, tables, write
from conformance.kit.expect import ACTIONS
from conformance.kit.generate import WSI

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.kit.cases import Numbers

FLAVOURS = ("VOLUME", "VOLUME2", "THUMBNAIL", "LABEL", "OVERVIEW")
OBJECTS = {
    "slide": [(WSI, flavour) for flavour in FLAVOURS],
    "photograph": [("1.2.840.10008.5.1.4.1.1.77.1.4", "PHOTOGRAPH")],
    "report": [("1.2.840.10008.5.1.4.1.1.88.22", "REPORT")],
    "presentation": [("1.2.840.10008.5.1.4.1.1.11.1", "PRESENTATION")],
}
TOP = {"title", "reason", "source", "object", "options", "may_drop", "plant", "expect"}
PLANT = {"path", "value", "vr", "instances", "nested"}
EXPECT = {"action", "path", "paths", "value", "contains", "instances"}


class CaseError(Exception):
    """A case.toml says something that means nothing."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One file of a case: its number in the pixels, its flavour, and the object as planted."""

    number: int
    flavour: str
    dataset: Dataset
    data: bytes


@dataclass(frozen=True, slots=True)
class HandMade:
    """A case as read: its instances and what is expected of them."""

    name: str
    title: str
    reason: str
    source: str
    options: tuple[str, ...]
    may_drop: tuple[str, ...]
    instances: tuple[Instance, ...]
    expect: tuple[dict[str, Any], ...]


def load(folder: Path, numbers: Numbers, seed: int) -> HandMade:
    """Read `folder/case.toml` and make its instances; a word that means nothing raises CaseError."""
    read = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    _known(folder, read, TOP)
    if missing := {"title", "reason", "source", "object", "expect"} - read.keys():
        raise CaseError(f"{folder.name}: {', '.join(sorted(missing))} missing")
    for plant in read.get("plant", []):
        _known(folder, plant, PLANT)
    for expect in read["expect"]:
        _known(folder, expect, EXPECT)
        if expect["action"] not in ACTIONS:
            raise CaseError(f"{folder.name}: no action {expect['action']}")
    options = tuple(read.get("options", ()))
    if unknown := set(options) - tables.OPTIONS.keys():
        raise CaseError(f"{folder.name}: no option {', '.join(unknown)}")
    instances = _instances(read["object"], numbers, f"{seed} {folder.name}", read.get("plant", []))
    return HandMade(
        folder.name,
        read["title"],
        read["reason"],
        read["source"],
        options,
        tuple(read.get("may_drop", ())),
        instances,
        tuple(filled(expect, _uids(instances)) for expect in read["expect"]),
    )


def _known(folder: Path, table: dict[str, Any], words: set[str]) -> None:
    if unknown := table.keys() - words:
        raise CaseError(f"{folder.name}: no word {', '.join(sorted(unknown))}")


def tags(path: str) -> tuple[int, ...]:
    """Return a path as tags; a keyword that PS3.6 does not have is a CaseError."""
    try:
        return tuple(
            int(part.strip("()").replace(",", ""), 16) if part[0] == "(" else tables.tag_of(part)
            for part in path.split(".")
        )
    except (KeyError, ValueError) as error:
        raise CaseError(f"no path {path}") from error


def fits(flavour: str, wanted: Any) -> bool:
    """Whether an instance is one of those named (a flavour, several, or all)."""
    return wanted in (None, "all") or flavour in ([wanted] if isinstance(wanted, str) else wanted)


def _instances(kind: str, numbers: Numbers, seed: str, plants: list[dict[str, Any]]) -> tuple[Instance, ...]:
    """Make the objects of a case, and plant in each once the UIDs of all are known."""
    bare = [
        Instance(number, flavour, objects.base(sop_class, number, seed), b"")
        for sop_class, flavour in OBJECTS[kind]
        for number in [numbers.next()]
    ]
    words = _uids(tuple(bare))
    return tuple(_planted(each, [filled(plant, words) for plant in plants]) for each in bare)


def _uids(instances: tuple[Instance, ...]) -> dict[str, str]:
    """Return what `{series}` and `{LABEL}` in a case.toml stand for."""
    found = {f"{{{each.flavour}}}": str(each.dataset.SOPInstanceUID) for each in instances}
    return {"{series}": str(instances[0].dataset.SeriesInstanceUID), **found}


def filled(given: Any, words: dict[str, str]) -> Any:
    """Return a value of TOML with the names of UIDs replaced by the UIDs."""
    if isinstance(given, dict):
        return {key: filled(value, words) for key, value in given.items()}
    if isinstance(given, list):
        return [filled(value, words) for value in given]
    return words.get(given, given) if isinstance(given, str) else given


def _planted(bare: Instance, plants: list[dict[str, Any]]) -> Instance:
    """Plant what is meant for an instance, and write it."""
    made, preamble, meta = bare.dataset, b"", Dataset()
    if made.SOPClassUID == WSI:
        _flavour(made, bare.flavour)
    for plant in plants:
        if not fits(bare.flavour, plant.get("instances")):
            continue
        path = plant["path"]
        if path == "preamble":
            preamble = plant["value"].encode()
        elif path.startswith("meta."):
            setattr(meta, path.removeprefix("meta."), plant["value"])
        elif "nested" in plant:
            write.put(made, tags(path), plant["vr"], _hidden(plant["nested"]))
        else:
            chain = tags(path)
            write.put(made, chain, plant.get("vr") or tables.vr_of(chain[-1]), _value(plant["value"]))
    data = write.encoded(made, "explicit", preamble=preamble, meta=meta)
    return Instance(bare.number, bare.flavour, made, data)


def _flavour(made: Dataset, flavour: str) -> None:
    shows_label = flavour in {"LABEL", "OVERVIEW"}
    made.ImageType = ["ORIGINAL", "PRIMARY", flavour.rstrip("2"), "NONE"]
    made.SharedFunctionalGroupsSequence[0].WholeSlideMicroscopyImageFrameTypeSequence[
        0
    ].FrameType = made.ImageType
    made.SpecimenLabelInImage = made.BurnedInAnnotation = "YES" if shows_label else "NO"
    if shows_label:
        made.BarcodeValue = made.LabelText = ""


def _value(given: Any) -> Any:
    """Return a value of TOML as one of DICOM: tables are items, bytes are words."""
    if isinstance(given, list) and given and isinstance(given[0], dict):
        return Items([item(table) for table in given])
    return given


def item(table: dict[str, Any]) -> Dataset:
    """Return an item from keywords (or tags) and values."""
    made = Dataset()
    for keyword, value in table.items():
        (tag,) = tags(keyword)
        vr = tables.vr_of(tag)
        made.add_new(tag, vr, _value(value) if vr != "SQ" else Items([item(inner) for inner in value]))
    return made


def _hidden(nested: list[dict[str, Any]]) -> bytes:
    """Return items as bytes of a sequence in implicit VR, as a device writes what it does not know (PS3.5 6.2.2)."""
    found = BytesIO()
    for table in nested:
        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, True
        write_dataset(buffer, item(table))
        data = buffer.getvalue()
        found.write(b"\xfe\xff\x00\xe0" + len(data).to_bytes(4, "little") + data)
    return found.getvalue()
