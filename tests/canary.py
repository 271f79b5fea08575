"""A slide with a recognisable identifier in every kind of place, and the search for them in what came out."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.charset import convert_encodings
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_dataset
from pydicom.uid import JPEGBaseline8Bit

from tests import canary_places as places
from tests.canary_image import PICTURES, Picture, jpeg_frames, whole_slide_dataset, with_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydicom.dataelem import DataElement

ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be")
JAPANESE_ENCODINGS = ("iso2022_jp", "shift_jis", "euc_jp")
PIXEL_DATA = 0x7FE00010
COMMENT, APPLICATION_1 = 0xFE, 0xE1


@dataclass(frozen=True, slots=True)
class CanarySlide:
    """What was written and what was planted; `canaries`, `uids` and `dates` are by place.

    `dates` are days as DA, also those inside a DT. `kept_codes` (value, scheme, meaning) say what the
    specimen is and how it was stained: they are what research needs, and stay.
    """

    folder: Path
    files: tuple[Path, ...]
    canaries: dict[str, str]
    uids: dict[str, str]
    dates: dict[str, str]
    kept_codes: tuple[tuple[str, str, str], ...]


def make_canary_slide(folder: Path, character_set: str = "ISO_IR 192") -> CanarySlide:
    """Write five VL WSI instances of one series: two VOLUME levels, THUMBNAIL, LABEL and OVERVIEW.

    `character_set` is "ISO_IR 192", "ISO_IR 100" (names with accents) or "ISO 2022 IR 87" (a Japanese name
    in three component groups). The places are the same in each instance.
    """
    plant = places.Planted()
    inside = folder / f"{plant.text('FOLDERNAME')}^SMITH"
    inside.mkdir(parents=True)
    file_name = plant.text("FILENAME")
    files = []
    for number, picture in enumerate(PICTURES, start=1):
        planted = places.Planted(uids=plant.uids)
        path = inside / f"{file_name}_{number}_{picture.flavour}.dcm"
        path.write_bytes(_instance(picture, number, planted, character_set))
        files.append(path)
        plant.canaries |= planted.canaries
        plant.dates |= planted.dates
    codes = (*places.STAIN_CODES, *places.SPECIMEN_CODES)
    return CanarySlide(folder, tuple(files), plant.canaries, plant.uids, plant.dates, codes)


def _instance(picture: Picture, number: int, plant: places.Planted, character_set: str) -> bytes:
    dataset = whole_slide_dataset(picture, number)
    dataset.SpecificCharacterSet = (
        ["", character_set] if character_set.startswith("ISO 2022") else character_set
    )
    places.patient_and_study(dataset, plant, character_set)
    places.uids_and_references(dataset, plant, number, len(PICTURES))
    places.specimen(dataset, plant)
    places.history_and_requests(dataset, plant)
    places.private_block(dataset, plant, "TOP")
    places.unknown_elements(dataset, plant)
    places.overlay_and_curve(dataset, plant)
    if picture.shows_label:
        dataset.BarcodeValue, dataset.LabelText = plant.text("BARCODE"), plant.text("LABELTEXT")
    elements = dict(_encoded(dataset))
    for group in (0x0008, 0x0010, 0x0040):
        size = sum(len(value) for tag, value in elements.items() if tag >> 16 == group)
        elements[group << 16] = struct.pack("<HH2sHI", group, 0, b"UL", 4, size)
    elements[PIXEL_DATA] = _pixel_data(picture, number, plant)
    elements |= dict(_encoded(_trailer(plant)))
    meta = _meta(dataset, plant)
    preamble = plant.text("PREAMBLE").encode().ljust(128, b"\0")
    return preamble + b"DICM" + meta + b"".join(value for _, value in sorted(elements.items()))


def _encoded(dataset: Dataset) -> Iterator[tuple[int, bytes]]:
    """Encode elements one by one, so that those a library would refuse to write can stand among them."""
    character_sets = dataset.get("SpecificCharacterSet", "ISO_IR 192")
    for element in dataset:
        yield int(element.tag), _encode(element, character_sets)


def _encode(element: DataElement, character_sets: str | list[str]) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_data_element(buffer, element, convert_encodings(character_sets))
    return buffer.getvalue()


def _pixel_data(picture: Picture, number: int, plant: places.Planted) -> bytes:
    frames = jpeg_frames(picture, plant.text("BURNEDIN"), seed=number)
    del plant.canaries["BURNEDIN"]  # it is there to be seen, not to be found in bytes
    comment = plant.text("JPEGCOMMENT").encode()
    application = b"Exif\0\0" + plant.text("JPEGAPPLICATION").encode()
    frames[0] = with_segments(frames[0], (COMMENT, comment))
    frames[-1] = with_segments(frames[-1], (APPLICATION_1, application))
    items = [frame + bytes(len(frame) % 2) for frame in frames]
    offsets = [0, *itertools.accumulate(len(item) + 8 for item in items)][:-1]
    table = struct.pack(f"<{len(offsets)}I", *offsets)
    encoded = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in (table, *items))
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    return head + encoded + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _trailer(plant: places.Planted) -> Dataset:
    """Build what follows Pixel Data: a private element, a digital signature and padding."""
    dataset = Dataset()
    dataset.private_block(0x7FE1, plant.text("TRAILINGCREATOR"), create=True).add_new(
        0x01, "LO", plant.text("TRAILINGPRIVATE")
    )
    signature = Dataset()
    signature.MACIDNumber = 1
    signature.DigitalSignatureUID = plant.uid("DigitalSignatureUID")
    signature.DigitalSignatureDateTime = plant.moment("DigitalSignatureDateTime", 16)
    signature.CertificateType = "X509_1993_SIG"
    signature.CertificateOfSigner = plant.text("CERTIFICATE").encode().ljust(32)
    signature.Signature = plant.text("SIGNATUREBYTES").encode().ljust(32)
    dataset.DigitalSignaturesSequence = [signature]
    dataset.DataSetTrailingPadding = plant.text("TRAILINGPADDING").encode().ljust(32)
    return dataset


def _meta(dataset: Dataset, plant: places.Planted) -> bytes:
    meta = Dataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    meta.ImplementationClassUID = plant.uid("ImplementationClassUID")
    meta.ImplementationVersionName = plant.text("METAVERS")
    meta.SourceApplicationEntityTitle = plant.text("METASOURCE")
    meta.SendingApplicationEntityTitle = plant.text("METASENDER")
    meta.ReceivingApplicationEntityTitle = plant.text("METATAKER")
    meta.SourcePresentationAddress = plant.text("METAADDRESS")
    meta.PrivateInformationCreatorUID = plant.uid("PrivateInformationCreatorUID")
    meta.PrivateInformation = plant.text("METAPRIVATE").encode().ljust(32)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, meta)
    encoded = buffer.getvalue()
    return struct.pack("<HH2sHI", 0x0002, 0x0000, b"UL", 4, len(encoded)) + encoded


def forms(value: str) -> Iterator[bytes]:
    """Every encoding and case in which a value could stand in a file, as lower-case bytes."""
    encodings = ENCODINGS if value.isascii() else (*ENCODINGS, *JAPANESE_ENCODINGS)
    for text, encoding in itertools.product({value, value.lower(), value.upper()}, encodings):
        encoded = text.encode(encoding, "ignore")
        if encoding == "iso2022_jp":
            encoded = encoded.removeprefix(b"\x1b$B").removesuffix(b"\x1b(B")
        if encoded and len(encoded) >= len(value):
            yield encoded.lower()


def findings(files: Iterable[Path | bytes], slide: CanarySlide, *, dates: bool = True) -> list[str]:
    """List the places whose planted text, UID or day stands anywhere in the bytes or names of `files`."""
    planted = {f"{kind} {place}": value for kind, place, value in _all_planted(slide, dates=dates)}
    wanted = {place: set(forms(value)) for place, value in planted.items()}
    found = []
    for number, data in enumerate(_contents(files)):
        found += [
            f"{place} (input {number})"
            for place, needles in wanted.items()
            if any(n in data for n in needles)
        ]
    return found


def _all_planted(slide: CanarySlide, *, dates: bool) -> Iterator[tuple[str, str, str]]:
    yield from (("canary", place, value) for place, value in slide.canaries.items())
    yield from (("UID", place, value) for place, value in slide.uids.items())
    if dates:
        yield from (("date", place, value) for place, value in slide.dates.items())


def _contents(files: Iterable[Path | bytes]) -> Iterator[bytes]:
    """Lower-case bytes of each input; of a file with its name and the two folders above it."""
    for entry in files:
        if isinstance(entry, bytes):
            yield entry.lower()
        elif entry.is_dir():
            yield from _contents(sorted(path for path in entry.rglob("*") if path.is_file()))
        else:
            yield ("/".join(entry.parts[-3:]).encode() + b"\0" + entry.read_bytes()).lower()


def assert_no_canary(files: Iterable[Path | bytes], slide: CanarySlide, *, dates: bool = True) -> None:
    """Fail if anything planted is left in files, folders or bytes; `dates=False` where days may stay."""
    inputs = list(files)
    assert any(True for _ in _contents(inputs)), "nothing to search"

    assert findings(inputs, slide, dates=dates) == []


def assert_codes_kept(files: Iterable[Path], slide: CanarySlide) -> None:
    """Fail if one of the files lost a code that says what the specimen is or how it was stained."""
    for path in files:
        found = set(_codes(dcmread(BytesIO(path.read_bytes()), stop_before_pixels=True)))
        assert {(value, scheme) for value, scheme, _ in slide.kept_codes} <= found, path.name


def _codes(dataset: Dataset) -> Iterator[tuple[str, str]]:
    if "CodeValue" in dataset:
        yield str(dataset.CodeValue), str(dataset.get("CodingSchemeDesignator", ""))
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _codes(item)
