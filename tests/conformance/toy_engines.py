"""Engines that do one thing wrong: `python toy_engines.py WHAT IN OUT`; further words are ignored.

What the kit says of them proves the kit.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.uid import generate_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

PICTURE = {0x00280002, 0x00280004, 0x00280006, 0x00280010, 0x00280011, 0x00280100, 0x7FE00010}
BEARS_NOT = 0x00080080
"""An attribute (Institution Name) that one of the engines cannot bear."""


def copied(dataset: Dataset) -> Dataset:
    return dataset


def picture_alone(dataset: Dataset) -> Dataset:
    for tag in list(dataset.keys()):
        if tag not in PICTURE:
            del dataset[tag]
    return dataset


def random_uids(dataset: Dataset) -> Dataset:
    for element in dataset.iterall():
        if element.VR == "UI" and "Class" not in element.keyword:
            element.value = generate_uid()
    return dataset


def one_uid(dataset: Dataset) -> Dataset:
    for element in dataset.iterall():
        if element.VR == "UI" and "Class" not in element.keyword:
            element.value = "2.25.1"
    return dataset


def dates_by_instance(dataset: Dataset) -> Dataset:
    """Move dates by another number of days in each instance."""
    year = 1900 + int(dataset.InstanceNumber) % 50
    for element in dataset.iterall():
        if element.VR in {"DA", "DT"} and element.value:
            element.value = f"{year}{str(element.value)[4:]}"
    return dataset


def blackened(dataset: Dataset) -> Dataset:
    if "PixelData" in dataset:
        dataset.PixelData = bytes(len(dataset.PixelData))
    return dataset


def scratched(dataset: Dataset) -> Dataset:
    """Cut the first letter of names, dates to the day with full stops, UIDs made longer."""
    for element in dataset.iterall():
        if element.VR == "PN" and element.value:
            element.value = str(element.value)[1:]
        elif element.VR == "DT" and element.value:
            element.value = str(element.value)[:8]
        elif element.VR == "UI" and "Class" not in element.keyword and element.value and element.VM == 1:
            element.value = f"{element.value}.1"[:64]
    return dataset


def still_dates(dataset: Dataset) -> Dataset:
    """Say of dates what they said, in another form."""
    for element in dataset.iterall():
        if element.VR == "DT" and element.value:
            element.value = f"{str(element.value)[:8]}120000"
    return dataset


def hidden_patient(dataset: Dataset) -> Dataset:
    """Clean Patient ID, and say it in another attribute."""
    old = str(dataset.PatientID)
    dataset.PatientID = "STUDY-1"
    dataset.Manufacturer = f"made for {old}"
    return dataset


def says_basic(dataset: Dataset) -> Dataset:
    """Say that the Basic Profile was applied, whatever was asked for."""
    code = pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = [code]
    return dataset


def without_texts(dataset: Dataset) -> Dataset:
    """Take every text away, whatever it says."""
    for element in list(dataset.iterall()):
        if element.VR in {"LO", "SH", "ST", "LT", "UT", "FL"} and element.value:
            element.value = None
    return dataset


def nothing_private(dataset: Dataset) -> Dataset:
    dataset.remove_private_tags()
    return dataset


def no_content(dataset: Dataset) -> Dataset:
    """Take the whole tree of a report away."""
    if "ContentSequence" in dataset:
        del dataset.ContentSequence
    return dataset


def current_concepts(dataset: Dataset) -> Dataset:
    """Take texts, persons, dates and UIDs out of content items, unless their concept has a retired code."""
    values = {"TextValue", "PersonName", "DateTime", "Date", "Time", "UID"}
    for item in content_items(dataset):
        if item.ConceptNameCodeSequence[0].CodingSchemeDesignator in {"SRT", "SNM3", "99SDM"}:
            continue
        for keyword in values:
            if keyword in item:
                delattr(item, keyword)
    return dataset


def content_items(dataset: Dataset) -> Iterator[Dataset]:
    for item in dataset.get("ContentSequence", []):
        yield item
        yield from content_items(item)


def block_ten(dataset: Dataset) -> Dataset:
    """Keep the private elements of the first block of each group, and look at nothing else of them."""
    for tag in list(dataset.keys()):
        if tag.is_private and tag.element != 0x10 and tag.element >> 8 != 0x10:
            del dataset[tag]
    return dataset


def bears_no_report(dataset: Dataset) -> Dataset | None:
    """Refuse each report with one concept (Finding Site, by its old code)."""
    codes = (item.ConceptNameCodeSequence[0].CodeValue for item in content_items(dataset))
    return None if "G-C0E3" in codes else dataset


def fails_at_one_attribute(dataset: Dataset) -> Dataset:
    if BEARS_NOT in dataset:
        os.abort()
    return dataset


def skips_one_attribute(dataset: Dataset) -> Dataset | None:
    return None if BEARS_NOT in dataset else dataset


WAYS = {
    way.__name__: way
    for way in (
        *(copied, picture_alone, random_uids, one_uid, dates_by_instance, blackened),
        *(scratched, still_dates, hidden_patient, says_basic, without_texts),
        *(nothing_private, no_content, current_concepts, block_ten, bears_no_report),
        *(fails_at_one_attribute, skips_one_attribute),
    )
}


def main(what: str, source: Path, out: Path) -> int:
    if what == "crashes":
        os.abort()
    if what == "never_ends":
        time.sleep(60)
    for path in sorted(source.iterdir()):
        if what == "writes_nothing":
            continue
        if what == "copied":
            shutil.copy(path, out)
            continue
        if what == "cuts_off":
            (out / path.name).write_bytes(path.read_bytes()[:-200])
            continue
        made = WAYS[what](pydicom.dcmread(path))
        if made is not None:
            pydicom.dcmwrite(out / path.name, made)
        if what == "picture_alone" and len(sys.argv) > 4 and sys.argv[4] == "beside":
            shutil.copy(path, out / f"{path.name}.original")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
