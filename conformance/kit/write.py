"""Objects as files, in three encodings; PS3.10 with a preamble and file meta information."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pydicom
from pydicom import config, datadict
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from conformance.kit import tables

if TYPE_CHECKING:
    from pathlib import Path


def teach() -> None:
    """Tell pydicom the attributes of the tables that are younger than its own dictionary."""
    young = {}
    for tag in tables.tags():
        if tag >> 16 & 1 == 0 and not datadict.dictionary_has_tag(tag):
            name, vm = tables.name_and_vm(tag)
            young[tag] = (tables.vr_of(tag), vm, name, "", tables.keyword_of(tag))
    datadict.add_dict_entries(young)


teach()


def encoded(dataset: Dataset, encoding: str, *, preamble: bytes = b"", meta: Dataset | None = None) -> bytes:
    """Return a file; `encoding` is one of ENCODINGS, `meta` holds further elements of group 2."""
    if encoding == "undefined":
        undefine(dataset)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    syntax = ImplicitVRLittleEndian if encoding == "implicit" else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = syntax
    if meta is not None:
        dataset.file_meta.update(meta)
    dataset.preamble = preamble.ljust(128, b"\0")
    buffer = BytesIO()
    with config.disable_value_validation():
        pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def undefine(dataset: Dataset) -> None:
    """Have every sequence and item written with undefined length."""
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                undefine(item)


def put(dataset: Dataset, path: tuple[int, ...], vr: str, value: object) -> None:
    """Put a value at a path of tags; items that are missing on the way are made, in others it is the first."""
    for tag in path[:-1]:
        if tag not in dataset or not dataset[tag].value:
            dataset.add_new(tag, "SQ", [Dataset()])
        dataset = dataset[tag].value[0]
    replaces, config.replace_un_with_known_vr = config.replace_un_with_known_vr, vr != "UN"
    try:
        dataset.add_new(path[-1], vr, value)
    finally:
        config.replace_un_with_known_vr = replaces


def sop_class_of(dataset: Dataset) -> str:
    """Return the SOP Class, from file meta information where the data set has none."""
    return str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or "")


def whole(path: Path) -> Dataset:
    """Read a file and every element in it; what is cut off or no DICOM raises ValueError."""
    try:
        with config.disable_value_validation():
            dataset = pydicom.dcmread(path)
            for _ in dataset.iterall():
                pass
    except (
        pydicom.errors.InvalidDicomError,
        pydicom.errors.BytesLengthException,
        EOFError,
        ValueError,
        KeyError,
        OSError,
        AttributeError,
    ) as error:
        raise ValueError(type(error).__name__) from error
    if not dataset.file_meta.get("TransferSyntaxUID") or not sop_class_of(dataset):
        raise ValueError("no Transfer Syntax or no SOP Class")
    native = not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    if native and "PixelData" in dataset and "Rows" in dataset and "Columns" in dataset:
        frames = int(dataset.get("NumberOfFrames") or 1)
        size = dataset.Rows * dataset.Columns * frames * int(dataset.get("SamplesPerPixel") or 1)
        if len(dataset.PixelData) < size * int(dataset.get("BitsAllocated") or 8) // 8:
            raise ValueError("Pixel Data is cut off")
    return dataset
