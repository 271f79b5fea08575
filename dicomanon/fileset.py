"""A file-set of cleared files: a DICOMDIR and conformant File IDs beside the tree of UIDs (PS3.3 F, PS3.10 8).

A File ID has at most eight components of eight characters, which UIDs are not: the files are linked, or copied, under
numbers. The records say what the files say, and nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.errors import StorageError, UsageError
from dicomanon.objects import MEDIA_STORAGE_DIRECTORY
from dicomanon.part10.elements import element_at, element_items, elements_in, is_sequence
from dicomanon.part10.encoding import EXPLICIT_LE, EXPLICIT_LITTLE, encoding_of, pack_element, pack_sequence
from dicomanon.part10.index import index_header
from dicomanon.part10.read import read_instance
from dicomanon.part10.write import aside_file, file_meta, storage_errors, sync_folder
from dicomanon.sinks.file import link_or_copy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dicomanon.part10.elements import Element

DICOMDIR = "DICOMDIR"
FOLDER = "DICOM"
MOST_ON_A_LEVEL = 10**6
CHARACTER_SET, RELATIONSHIP, CONTENT = 0x00080005, 0x0040A010, 0x0040A730
VERIFYING_OBSERVERS, VERIFICATION = 0x0040A073, 0x0040A030
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
ABOVE: Mapping[str, str] = {
    "PATIENT": "PatientName PatientID",
    "STUDY": "StudyDate StudyTime StudyDescription StudyInstanceUID StudyID AccessionNumber",
    "SERIES": "Modality SeriesInstanceUID SeriesNumber",
}
DATED = "ContentDate ContentTime"
CONTENT_NAMES = "InstanceNumber ContentLabel ContentDescription ContentCreatorName"
NAMED = f"{DATED} {CONTENT_NAMES}"
DOCUMENT = f"InstanceNumber {DATED} ConceptNameCodeSequence ContentSequence"
LEAVES: Mapping[str, tuple[str, str]] = {
    "content-assessment-results": (
        "ASSESSMENT",
        "InstanceNumber InstanceCreationDate InstanceCreationTime",
    ),
    "spatial-fiducials": ("FIDUCIAL", NAMED),
    "key-object-selection-document": ("KEY OBJECT DOC", DOCUMENT),
    "raw-data": ("RAW DATA", f"{DATED} InstanceNumber"),
    "spatial-registration": ("REGISTRATION", NAMED),
    "deformable-spatial-registration": ("REGISTRATION", NAMED),
    "rt-dose": ("RT DOSE", "InstanceNumber DoseSummationType"),
    "rt-ion-plan": ("RT PLAN", "InstanceNumber RTPlanLabel RTPlanDate RTPlanTime"),
    "rt-plan": ("RT PLAN", "InstanceNumber RTPlanLabel RTPlanDate RTPlanTime"),
    "rt-structure-set": (
        "RT STRUCTURE SET",
        "InstanceNumber StructureSetLabel StructureSetDate StructureSetTime",
    ),
    "stereometric-relationship": ("STEREOMETRIC", ""),
    "surface-segmentation": ("SURFACE", NAMED),
    "tractography-results": ("TRACT", NAMED),
    "real-world-value-mapping": ("VALUE MAP", NAMED),
}
"""Record type and keys by IOD (PS3.3 F.5); kinds of which there are many are told by what their names end in."""
ENDINGS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("presentation-state",),
        "PRESENTATION",
        f"PresentationCreationDate PresentationCreationTime {CONTENT_NAMES} ReferencedSeriesSequence",
    ),
    (
        ("-sr", "procedure-log", "-sr-document"),
        "SR DOCUMENT",
        f"CompletionFlag VerificationFlag VerificationDateTime {DOCUMENT}",
    ),
    (("-treatment-record",), "RT TREAT RECORD", "InstanceNumber TreatmentDate TreatmentTime"),
    (("-ecg", "waveform", "gram", "electromyogram"), "WAVEFORM", f"InstanceNumber {DATED}"),
)
EMPTY_ALLOWED = frozenset(
    ("StudyDescription", "AccessionNumber", "PatientName", "ContentDescription", "ContentCreatorName")
) | frozenset(
    f"{what}{when}" for what in ("RTPlan", "StructureSet", "Treatment") for when in ("Date", "Time")
)
"""Keys of Type 2."""
LEFT_OUT = frozenset(("VerificationDateTime", "ContentSequence", "ReferencedSeriesSequence"))
"""Keys of Type 1C, which a record does not have where the file does not."""
DUMMIES: Mapping[bytes, bytes] = {b"DA": b"19000101", b"TM": b"000000", b"IS": b"0"}
"""For keys that a record demands and the file has emptied: the dummies the files have themselves."""


@dataclass(slots=True)
class Record:
    """A directory record: its type, what stands behind the offsets, and the records below it."""

    kind: str
    keys: bytes
    number: int
    below: dict[str, Record] = field(default_factory=dict)
    at: int = 0

    def packed(self, following: int) -> bytes:
        """Return the item, `following` being the offset of the next record of its level."""
        lower = next(iter(self.below.values())).at if self.below else 0
        head = (
            pack_element(0x00041400, b"UL", following.to_bytes(4, "little"), EXPLICIT_LE),
            pack_element(0x00041410, b"US", b"\xff\xff", EXPLICIT_LE),
            pack_element(0x00041420, b"UL", lower.to_bytes(4, "little"), EXPLICIT_LE),
            pack_element(0x00041430, b"CS", self.kind.encode(), EXPLICIT_LE),
        )
        body = b"".join((*head, self.keys))
        return b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body


def make_file_set(files: Iterable[Path], folder: Path) -> int:
    """Make a file-set of cleared files in an empty or new folder; return how many have no kind of record.

    Those stay out. Raises UsageError where the folder has something in it, StorageError where it cannot be written.
    """
    check_folder(folder)
    roots: dict[str, Record] = {}
    without = 0
    for path in files:
        without += not _add(path, roots, folder)
    if not roots:
        return without
    with aside_file(folder) as out:
        out.write(_directory(roots))
        out.sync()
    with storage_errors():
        out.path.rename(folder / DICOMDIR)
        sync_folder(folder)
    return without


def check_folder(folder: Path) -> None:
    """Make the folder of a file-set; raise UsageError where it has something in it."""
    with storage_errors():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise UsageError("the folder of the file-set is not empty: name another one with --dicomdir")


def record_type(sop_class_uid: str) -> tuple[str, str] | None:
    """Return record type and keys of a SOP Class, None where PS3.3 F has none or it is not known here."""
    iod = standard.iod_for(sop_class_uid)
    if iod is None:
        return None
    if iod.name in LEAVES:
        return LEAVES[iod.name]
    for endings, kind, keys in ENDINGS:
        if iod.name.endswith(endings):
            return kind, keys
    return ("IMAGE", "InstanceNumber") if any(tag in iod.root.children for tag in PIXELS) else None


def _add(path: Path, roots: dict[str, Record], folder: Path) -> bool:
    try:
        with path.open("rb", buffering=0) as file:
            instance = read_instance(file)
    except OSError:
        raise StorageError("a cleared file cannot be read back for the file-set") from None
    known = record_type(instance.meta.sop_class_uid)
    if known is None:
        return False
    encoding = encoding_of(instance.meta.transfer_syntax_uid)
    header = instance.header
    entries = instance.entries if instance.entries is not None else index_header(header, encoding)
    found = {entry.tag: element_at(header, entry.start, entry.next, encoding) for entry in entries}
    level, parts = roots, []
    for (kind, keys), letters in zip(ABOVE.items(), ("PT", "ST", "SE"), strict=True):
        own = _text(header, found, keys.split()[{"PATIENT": 1, "STUDY": 3, "SERIES": 1}[kind]])
        if not own:  # who has no identifier is nobody else: a patient for each study
            own = f"\0{_text(header, found, 'StudyInstanceUID')}"
        number = level[own].number if own in level else len(level)
        parts.append(f"{letters}{number:06d}")
        if own not in level:
            level[own] = Record(kind, _keys(header, found, keys, parts[-1].encode()), number)
        record = level[own]
        level = record.below
    if len(level) >= MOST_ON_A_LEVEL:
        raise UsageError("a file-set has room for a million files of a series")
    parts.append(f"IM{len(level):06d}")
    kind, keys = known
    texts = (instance.meta.sop_class_uid, instance.meta.sop_instance_uid, instance.meta.transfer_syntax_uid)
    reference = b"".join(
        pack_element(tag, b"UI", text.encode(), EXPLICIT_LE)
        for tag, text in zip((0x00041510, 0x00041511, 0x00041512), texts, strict=True)
    )
    name = "\\".join((FOLDER, *parts)).encode()
    named = pack_element(0x00041500, b"CS", name, EXPLICIT_LE)
    level[texts[1]] = Record(kind, named + reference + _keys(header, found, keys), len(level))
    target = folder.joinpath(FOLDER, *parts)
    with storage_errors():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        link_or_copy(path, target)
    return True


def _keys(header: bytes, found: Mapping[int, Element], keywords: str, name: bytes = b"0") -> bytes:
    """Return the keys of a record as its file has them, in the order of their tags.

    What is demanded and empty becomes a dummy, of texts `name`.
    """
    packed = {}
    for keyword in keywords.split():
        tag = standard.tag_of(keyword) or 0
        element = found.get(tag)
        vr = (standard.vr_of(tag) or "UN").encode()
        if element is not None and is_sequence(element):
            packed[tag] = _sequence(header, element, modifiers=tag == CONTENT)
            continue
        value = header[element.value : element.end].strip(b" \0") if element else b""
        if keyword == "VerificationDateTime":
            value = _verified(header, found)
        if not value:
            if keyword in LEFT_OUT:
                continue
            if keyword not in EMPTY_ALLOWED:
                value = DUMMIES.get(vr, name)
        packed[tag] = pack_element(tag, vr, value, EXPLICIT_LE)
    characters = found.get(CHARACTER_SET)
    if characters and packed:
        value = header[characters.value : characters.end]
        packed[CHARACTER_SET] = pack_element(CHARACTER_SET, b"CS", value, EXPLICIT_LE)
    return b"".join(packed[tag] for tag in sorted(packed))


def _verified(header: bytes, found: Mapping[int, Element]) -> bytes:
    """Return when a document was verified last: the moments stand with those who did."""
    observers = found.get(VERIFYING_OBSERVERS)
    moments = [
        header[element.value : element.end].strip(b" \0")
        for item in (element_items(header, observers) if observers else ())
        for element in elements_in(
            header, item.value, item.end, observers.encoding if observers else EXPLICIT_LE
        )
        if element.tag == VERIFICATION
    ]
    return max(moments, default=b"")


def _sequence(header: bytes, sequence: Element, *, modifiers: bool = False) -> bytes:
    """Write a sequence in the encoding of a DICOMDIR; of content items only those that modify the document's title."""
    items = []
    for item in element_items(header, sequence):
        inner = list(elements_in(header, item.value, item.end, sequence.encoding))
        relation = next((header[e.value : e.end] for e in inner if e.tag == RELATIONSHIP), b"")
        if modifiers and relation.strip(b" \0") != b"HAS CONCEPT MOD":
            continue
        items.append(b"".join(_element(header, element) for element in inner))
    return pack_sequence(sequence.tag, items, EXPLICIT_LE) if items else b""


def _element(header: bytes, element: Element) -> bytes:
    if is_sequence(element):
        return _sequence(header, element)
    vr = element.vr if element.vr != b"UN" else (standard.vr_of(element.tag) or "UN").encode()
    value = header[element.value : element.end]
    if vr in (b"US", b"UL") and not element.encoding.little:
        width = 2 if vr == b"US" else 4
        value = b"".join(value[at : at + width][::-1] for at in range(0, len(value), width))
    return pack_element(element.tag, vr, value, EXPLICIT_LE)


def _text(header: bytes, found: Mapping[int, Element], keyword: str) -> str:
    element = found.get(standard.tag_of(keyword) or 0)
    return header[element.value : element.end].strip(b" \0").decode("latin-1") if element else ""


def _directory(roots: dict[str, Record]) -> bytes:
    """Return the DICOMDIR: offsets count from the front of the file, so records are measured first."""
    records = [*_in_order(roots)]
    digest = hashlib.sha256(b"".join(record.keys for record, _ in records)).digest()
    meta = file_meta(MEDIA_STORAGE_DIRECTORY, f"2.25.{int.from_bytes(digest[:15], 'big')}", EXPLICIT_LITTLE)
    front = len(meta) + len(_front(0, 0)) + 12
    at = front
    for record, _ in records:
        record.at = at
        at += len(record.packed(0))
    body = b"".join(record.packed(following.at if following else 0) for record, following in records)
    level = [*roots.values()]
    head = _front(level[0].at, level[-1].at)
    return meta + head + b"\x04\x00\x20\x12SQ\0\0" + len(body).to_bytes(4, "little") + body


def _front(first: int, last: int) -> bytes:
    return b"".join(
        (
            pack_element(0x00041130, b"CS", b"", EXPLICIT_LE),
            pack_element(0x00041200, b"UL", first.to_bytes(4, "little"), EXPLICIT_LE),
            pack_element(0x00041202, b"UL", last.to_bytes(4, "little"), EXPLICIT_LE),
            pack_element(0x00041212, b"US", b"\0\0", EXPLICIT_LE),
        )
    )


def _in_order(level: dict[str, Record]) -> Iterable[tuple[Record, Record | None]]:
    """Yield every record with the next one of its level, those below a record right behind it."""
    records = [*level.values()]
    for record, following in zip_longest(records, records[1:]):
        yield record, following
        yield from _in_order(record.below)
