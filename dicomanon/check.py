"""Written files against their originals, long after: values collected anew from the source, by another walk."""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dicomanon.batch import is_slide, vendor_instance
from dicomanon.convert.options import ConvertOptions
from dicomanon.errors import (
    DicomanonError,
    MalformedError,
    NotDicomError,
    UnknownSlideError,
    UsageError,
)
from dicomanon.identifying import DATE_VRS, IdentifyingValues, is_soft
from dicomanon.inputs import find_inputs
from dicomanon.part10.elements import MAX_DEPTH, element_items, elements_in, is_sequence
from dicomanon.part10.encoding import encoding_of
from dicomanon.part10.read import read_instance
from dicomanon.profile import load_profile
from dicomanon.verify import Finding, Verifier, WrittenFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dicomanon.identifying import Value
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.instance import Instance
    from dicomanon.profile import Profile

FOUND, NOT_COMPARED = 1, 2
"""Exit codes."""
SOP_CLASS = 0x00080016
PROBE = 1 << 16
SCAN = re.compile(rb"\xff[\xda\x93].*?\xff\xd9", re.DOTALL)
"""From the head of a scan, or of the data of a tile, to the end of the code stream: JPEG and JPEG 2000."""
SCAN_BEGINS = re.compile(rb"\xff[\xda\x93]")
PART_OF_SCAN = 1 << 14
ARCHIVE_TITLES = frozenset(("container", f"(0002,{element:04X})") for element in (0x16, 0x17, 0x18))
"""An archive writes into group 0002 who sent and received; what is in it is searched for values all the same."""


@dataclass(slots=True)
class Report:
    """What a check covered and found."""

    files: int = 0
    sources: int = 0
    values: int = 0
    deep: bool = False
    unread: int = 0
    """Sources that are damaged or cannot be opened; what is in them was not looked for."""
    skipped: int = 0
    """Files of other kinds in the folders of the sources."""
    unpaired: list[str] = field(default_factory=list)
    """Files of no source: they show the pixels of none, or are of a kind that none is of. They count as not checked."""
    ambiguous: list[str] = field(default_factory=list)
    """Files without pixels that several sources could be the original of; dates were not looked for in them."""
    findings: list[tuple[str, Finding]] = field(default_factory=list)

    @property
    def paired(self) -> int:
        """How many of the files have a source."""
        return self.files - len(self.unpaired) - len(self.ambiguous)

    @property
    def exit_code(self) -> int:
        """0 only where every file was compared and nothing was found.

        A file that several sources could be the original of is no failure, as long as others show that the
        sources are the right ones.
        """
        if self.findings:
            return FOUND
        if self.unread or not self.paired:
            return NOT_COMPARED
        return FOUND if self.unpaired else 0

    def summary(self) -> str:
        """Return the verdict in one line; it begins with what was compared at all."""
        covered = "every byte" if self.deep else "all but the scans of frames"
        verdict = f"{len(self.findings)} findings" if self.findings else "nothing found"
        more = f"; {self.unread} source{'s' * (self.unread != 1)} could not be read" if self.unread else ""
        if self.unpaired:
            more += f"; {len(self.unpaired)} of no source: not checked against an original"
        if self.ambiguous:
            more += (
                f"; {len(self.ambiguous)} without pixels, of several possible sources: not searched for dates"
            )
        return (
            f"{self.paired} of {self.files} files have a source; "
            f"{verdict}: {self.files} files searched ({covered}) for {self.values} values of {self.sources} sources; "
            f"the planted control value was found in each{more}"
        )

    def as_document(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {
            "files": self.files,
            "paired": self.paired,
            "sources": self.sources,
            "values": self.values,
            "unread": self.unread,
            "skipped": self.skipped,
            "unpaired": self.unpaired,
            "ambiguous": self.ambiguous,
            "deep": self.deep,
            "findings": [
                {"file": path, "path": each.path, "check": each.check, "expected": each.expected}
                for path, each in self.findings
            ],
        }


class _Originals:
    """The values of every source together, and of each by its image: by that an output finds its own source."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._own: dict[str, IdentifyingValues] = {}
        self._several: set[str] = set()
        self._every: set[Value] = set()
        self.everyone = IdentifyingValues()

    def __len__(self) -> int:
        return len(self._every)

    def add(self, opened: Instance) -> None:
        """Remember an original."""
        values = collect(opened, self._profile)
        image = image_key(opened)
        if opened.pixels is None and image in self._own:
            self._several.add(image)
        own = self._own.setdefault(image, IdentifyingValues(values.character_set))
        own.values |= values.values
        self.everyone.character_set = self.everyone.character_set or values.character_set
        self.everyone.values |= {value for value in values.values if value.vr not in DATE_VRS}
        self._every |= values.values

    def of(self, output: Instance) -> tuple[IdentifyingValues, str]:
        """Return the values to look for in an output, and whether it is paired, unpaired or ambiguous."""
        image = image_key(output)
        own = self._own.get(image)
        if own is None or image in self._several:  # nothing tells which of them is whose
            return self.everyone, "unpaired" if own is None else "ambiguous"
        values = IdentifyingValues(own.character_set)
        values.values = self.everyone.values | own.values
        return values, "paired"


def check_files(
    outputs: Iterable[Path],
    sources: Iterable[Path],
    profile: str,
    options: tuple[str, ...] = (),
    *,
    deep: bool = False,
    convert: ConvertOptions | None = None,
) -> Report:
    """Search `outputs` for the identifying values of all `sources`; `convert` is how slides among them were converted.

    A source is paired with its output by its pixels. Dates are looked for in the paired output alone: moved dates
    of one patient may well be days of another; what has no pixels is paired if one source alone of its SOP Class
    has none. Files that do not parse are findings. Raises UsageError where there is nothing to search or nothing to
    look for.
    """
    compiled = load_profile(profile, options)
    report = Report(deep=deep)
    originals = _Originals(compiled)
    given, options_of_slides = list(sources), convert or ConvertOptions()
    _read_sources(given, originals, report, options_of_slides)
    if not report.sources:
        raise UsageError("no source can be read as DICOM or as a slide: there is nothing to look for")
    report.values = len(originals)
    verifier = Verifier(compiled)
    written = find_inputs(outputs, hidden=True)
    joined = False
    unreadable = Finding("file", "unreadable", "a folder that can be read")
    report.findings += [(str(path), unreadable) for path in written.unreadable]
    for path in written.files:
        report.files += 1
        findings, pairing = _check(path, verifier, originals, deep=deep)
        if pairing == "unpaired" and not joined:
            joined = True  # dear, for missing levels are made: only where there is something to pair
            _read_joined(given, originals, options_of_slides)
            findings, pairing = _check(path, verifier, originals, deep=deep)
        report.findings += [(str(path), finding) for finding in findings]
        if pairing != "paired":
            (report.ambiguous if pairing == "ambiguous" else report.unpaired).append(str(path))
    if not report.files:
        raise UsageError("there is no file to search")
    return report


def _read_sources(
    sources: list[Path], originals: _Originals, report: Report, options: ConvertOptions
) -> None:
    named = frozenset(sources)
    found = find_inputs(sources, hidden=True)
    report.unread = len(found.unreadable)
    for path in found.files:
        try:
            for opened in _opened(path, options, named=path in named):
                report.sources += 1
                originals.add(opened)
        except UnknownSlideError:
            report.unread += path in named
            report.skipped += path not in named
        except (DicomanonError, OSError):
            report.unread += 1


def _opened(path: Path, options: ConvertOptions, *, named: bool) -> Iterator[Instance]:
    """Yield the instances of an original: one of a DICOM file, one an image of a slide.

    Raises UnknownSlideError for files of other kinds, OSError and other errors of ours for unreadable ones.
    """
    try:
        with io.FileIO(path) as reader:
            yield read_instance(reader)
            return
    except NotDicomError:
        pass
    except MalformedError:
        # A slide may begin as a data set could.
        if not is_slide(path):
            raise
    yield from _images(path, options, named=named)


def _read_joined(sources: list[Path], originals: _Originals, options: ConvertOptions) -> None:
    """Read slides that are DICOM already as `convert` does, which joins instances and makes levels."""
    from dicomanon.sources import claims, members  # heavy

    for path in find_inputs(sources, hidden=True).files:
        # What cannot be read or joined was counted before, or was not converted either.
        with suppress(DicomanonError, OSError):
            if any(each.is_dicom for each in claims(path)) and members(path)[0] == path:
                for opened in _images(path, options, named=True):
                    originals.add(opened)


def _images(path: Path, options: ConvertOptions, *, named: bool) -> Iterator[Instance]:
    from dicomanon.convert import prepared  # heavy

    with prepared(path, options, named=named) as slide:
        for index in range(len(slide.images)):
            yield vendor_instance(slide, index, options)


def collect(instance: Instance, profile: Profile) -> IdentifyingValues:
    """Return every value of an original that no rule keeps."""
    header = instance.header
    encoding = encoding_of(instance.meta.transfer_syntax_uid)
    values = IdentifyingValues(keeps_uids=profile.rule_for(0x00080018, "UI").code == "K")
    values.add_residue(instance.meta.residue)

    def walk(at: int, stop: int, encoding: Encoding, outer: tuple[int, ...]) -> None:
        for element in elements_in(header, at, stop, encoding):
            path = (*outer, element.tag)
            if path == (0x00080005,):
                values.character_set = header[element.value : element.end].strip(b" \0")
            if is_sequence(element) and len(path) < MAX_DEPTH:
                for item in element_items(header, element, len(path)):
                    walk(item.value, item.end, element.encoding, path)
                continue
            rule = profile.rule_at(path, element.vr.decode())
            if rule.code != "K" and rule.cleaner != "icc":
                soft = is_soft(element.tag, element.vr)
                values.add(element.vr, header[element.value : element.end], soft=soft)

    walk(0, len(header), encoding, ())
    return values


def image_key(instance: Instance) -> str:
    """Return what tells one image from another: a digest of the front of its pixels, without the heads of frames.

    An instance without pixels is told by its SOP Class alone.
    """
    if instance.pixels is None:
        header, entries = instance.header, instance.entries or []
        classes = (header[each.value : each.next] for each in entries if each.tag == SOP_CLASS)
        return next(classes, b"").strip(b" \0").decode("latin-1") or instance.meta.sop_class_uid
    window = memoryview(bytearray(PROBE))
    filled = 0
    while filled < PROBE and (count := instance.body.readinto(window[filled:])):
        filled += count
    front = bytes(window[:filled])
    scans = (
        front if instance.pixels.length is not None else b"".join(SCAN.findall(front)) or _first_scan(front)
    )
    return hashlib.sha256(scans).hexdigest()


def _first_scan(front: bytes) -> bytes:
    """Return the beginning of a scan that goes on behind the front; all of it where no scan begins."""
    begun = SCAN_BEGINS.search(front)
    return front[begun.start() : begun.start() + PART_OF_SCAN] if begun else front


def _check(path: Path, verifier: Verifier, originals: _Originals, *, deep: bool) -> tuple[list[Finding], str]:
    """Return the findings of a file, and how it is paired with a source."""
    try:
        with io.FileIO(path) as file:
            values, pairing = originals.of(read_instance(file))
            name = "/".join(path.parts[-3:])
            findings = verifier.check(WrittenFile(file.fileno()), values, name=name, deep=deep)
            return [each for each in findings if (each.check, each.path) not in ARCHIVE_TITLES], pairing
    except DicomanonError as error:
        return [Finding("file", error.reason, f"a whole DICOM file ({error})")], "unpaired"
    except OSError:
        return [Finding("file", "unreadable", "a file that can be read")], "unpaired"
