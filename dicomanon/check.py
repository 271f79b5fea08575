"""Written files against their originals, long after: values collected anew from the source, by another walk."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dicomanon.errors import DicomanonError, UsageError
from dicomanon.identifying import DATE_VRS, IdentifyingValues, is_soft
from dicomanon.part10.elements import MAX_DEPTH, element_items, elements_in, is_sequence
from dicomanon.part10.encoding import encoding_of
from dicomanon.part10.read import read_instance
from dicomanon.profile import load_profile
from dicomanon.verify import Finding, Verifier, WrittenFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.instance import Instance
    from dicomanon.profile import Profile

PROBE = 1 << 16
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
    findings: list[tuple[str, Finding]] = field(default_factory=list)

    def summary(self) -> str:
        """Return the verdict in one line."""
        covered = "every byte" if self.deep else "all but the scans of frames"
        verdict = f"{len(self.findings)} findings" if self.findings else "nothing found"
        unread = f"; {self.unread} source{'s' * (self.unread != 1)} could not be read" if self.unread else ""
        return (
            f"{verdict}: {self.files} files searched ({covered}) for {self.values} values of {self.sources} sources; "
            f"the planted control value was found in each{unread}"
        )

    def as_document(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {
            "files": self.files,
            "sources": self.sources,
            "values": self.values,
            "unread": self.unread,
            "deep": self.deep,
            "findings": [
                {"file": path, "path": each.path, "check": each.check, "expected": each.expected}
                for path, each in self.findings
            ],
        }


def check_files(
    outputs: Iterable[Path],
    sources: Iterable[Path],
    profile: str,
    options: tuple[str, ...] = (),
    *,
    deep: bool = False,
) -> Report:
    """Search `outputs` for the identifying values of all `sources`.

    A source is paired with its output by its pixels. Dates are looked for in the paired output alone: moved dates
    of one patient may well be days of another. Files that do not parse are findings. Raises UsageError where
    there is nothing to search or nothing to look for.
    """
    compiled = load_profile(profile, options)
    verifier = Verifier(compiled)
    report = Report(deep=deep)
    everyone = IdentifyingValues()
    paired: dict[str, IdentifyingValues] = {}
    for path in files_below(sources):
        before = report.sources
        for opened in _opened(path):
            report.sources += 1
            values = collect(opened, compiled)
            paired.setdefault(
                pixel_digest(opened), IdentifyingValues(values.character_set)
            ).values |= values.values
            everyone.character_set = everyone.character_set or values.character_set
            everyone.values |= {value for value in values.values if value.vr not in DATE_VRS}
        report.unread += report.sources == before
    if not report.sources:
        raise UsageError("no source can be read as DICOM or as a slide: there is nothing to look for")
    report.values = len(everyone.values | {value for each in paired.values() for value in each.values})
    for path in files_below(outputs):
        report.files += 1
        report.findings += [
            (str(path), finding) for finding in _check(path, verifier, everyone, paired, deep=deep)
        ]
    if not report.files:
        raise UsageError("there is no file to search")
    return report


def files_below(given: Iterable[Path]) -> Iterator[Path]:
    """Yield the files named and all below the folders named."""
    for path in given:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.is_file())
        else:
            yield path


def _opened(path: Path) -> Iterator[Instance]:
    """Yield the instances of an original: one of a DICOM file, one an image of a slide, none of other files."""
    try:
        with io.FileIO(path) as reader:
            yield read_instance(reader)
            return
    except DicomanonError:
        pass
    from dicomanon.convert import ConvertOptions, instances  # heavy
    from dicomanon.sources import open_slide  # heavy

    try:
        with open_slide(path) as slide:
            yield from instances(slide, ConvertOptions())
    except DicomanonError:
        return


def collect(instance: Instance, profile: Profile) -> IdentifyingValues:
    """Return every value of an original that no rule keeps."""
    header = instance.header
    encoding = encoding_of(instance.meta.transfer_syntax_uid)
    values = IdentifyingValues(keeps_uids=profile.rule_for(0x00080018, "UI").code == "K")
    values.add_residue(instance.meta.residue)

    def walk(at: int, stop: int, encoding: Encoding, depth: int) -> None:
        for element in elements_in(header, at, stop, encoding):
            if element.tag == 0x00080005 and depth == 1:
                values.character_set = header[element.value : element.end].strip(b" \0")
            if is_sequence(element) and depth < MAX_DEPTH:
                for item in element_items(header, element, depth):
                    walk(item.value, item.end, element.encoding, depth + 1)
                continue
            rule = profile.rule_for(element.tag, element.vr.decode())
            if rule.code != "K" and rule.cleaner != "icc":
                soft = is_soft(element.tag, element.vr)
                values.add(element.vr, header[element.value : element.end], soft=soft)

    walk(0, len(header), encoding, 1)
    return values


def pixel_digest(instance: Instance) -> str:
    """Return what tells one image from another: a digest of the front of its pixels, behind the heads of frames."""
    if instance.pixels is None:
        return ""
    window = memoryview(bytearray(PROBE))
    filled = 0
    while filled < PROBE and (count := instance.body.readinto(window[filled:])):
        filled += count
    front = bytes(window[:filled])
    start = front.find(b"\xff\xda") if instance.pixels.length is None else 0
    return hashlib.sha256(front[max(start, 0) :]).hexdigest()


def _check(
    path: Path,
    verifier: Verifier,
    everyone: IdentifyingValues,
    paired: dict[str, IdentifyingValues],
    *,
    deep: bool,
) -> list[Finding]:
    try:
        with io.FileIO(path) as file:
            own = paired.get(pixel_digest(read_instance(file)))
            values = IdentifyingValues(own.character_set if own else everyone.character_set)
            values.values = everyone.values | own.values if own else everyone.values
            name = "/".join(path.parts[-3:])
            findings = verifier.check(WrittenFile(file.fileno()), values, name=name, deep=deep)
            return [each for each in findings if (each.check, each.path) not in ARCHIVE_TITLES]
    except DicomanonError as error:
        return [Finding("file", error.reason, f"a whole DICOM file ({error})")]
