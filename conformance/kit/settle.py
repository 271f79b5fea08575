"""Run the engine on cases until every planting has an output or a reason why it has none.

A case without output is split in two and tried again, down to the single planting that the engine refuses. So one
attribute that an engine cannot bear costs no other row.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from conformance.kit import objects, tables, write
from conformance.kit.engines import outputs
from conformance.kit.values import MARK

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from conformance.kit.cases import Numbers
    from conformance.kit.engines import Engine, Ran

MOST_RUNS = 200
"""Of one option: an engine that refuses nearly everything is not asked for ever."""


@dataclass(frozen=True, slots=True)
class Output:
    """What came out for a case: the data set, in which run, every mark that stands anywhere in the file, and it."""

    dataset: Dataset
    run: int
    marks: frozenset[str]
    data: bytes


class Planted(Protocol):
    """A file with plantings under one option, which can be made again in two halves."""

    @property
    def number(self) -> int:
        """The number that its output is matched by."""
        ...

    @property
    def option(self) -> str:
        """What it is run under."""
        ...

    @property
    def sop_class(self) -> str:
        """Its SOP Class."""
        ...

    @property
    def plantings(self) -> tuple[object, ...]:
        """What is planted in it."""
        ...

    def content(self) -> bytes:
        """Return the file."""
        ...

    def halves(self, numbers: Numbers) -> list[Self]:
        """Return two with half of the plantings each."""
        ...


File = TypeVar("File", bound=Planted)


@dataclass(frozen=True, slots=True)
class Settled(Generic[File]):
    """A case with its output, or with the reason why there is none."""

    case: File
    output: Output | None
    reason: str


@dataclass(slots=True)
class Runner:
    """Asks one engine, counts its runs, and learns whether it goes on after a file that it refuses."""

    engine: Engine
    numbers: Numbers
    runs: int = 0
    goes_on: bool = False
    strays: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What lay beside the outputs, and under which options."""

    def once(
        self, files: dict[int, tuple[str, bytes]], options: tuple[str, ...]
    ) -> tuple[Ran, dict[int, Output], list[str]]:
        """Run the engine on files (SOP Class and content by case number) in one folder.

        Returns how it ended, outputs by case number, and what is wrong with outputs that are damaged.
        """
        self.runs += 1
        with tempfile.TemporaryDirectory(prefix="kit-") as folder:
            source, out = Path(folder, "in"), Path(folder, "out")
            source.mkdir()
            out.mkdir()
            for number, (_, data) in files.items():
                (source / f"{number:06}.dcm").write_bytes(data)
            ran = self.engine.run(source, out, options)
            found, damaged = collect(out, {number: kind for number, (kind, _) in files.items()}, self.runs)
            if self.engine.alone:
                self.strays.update(dict.fromkeys(strays(out, found), options))
        came = found.keys()
        missing = files.keys() - came
        if missing and came and max(came) > min(missing):
            self.goes_on = True
        return ran, found, damaged

    def settle(self, batch: list[File]) -> list[Settled[File]]:
        """Run a batch of one option, and what is missing again in halves, until all is settled."""
        limit = self.runs + MOST_RUNS
        waiting, settled = [batch], list[Settled[File]]()
        while waiting:
            now = waiting.pop()
            if not now:
                continue
            if self.runs >= limit:
                settled += [Settled(case, None, "given up: too many refusals") for case in now]
                continue
            files = {case.number: (case.sop_class, case.content()) for case in now}
            ran, found, damaged = self.once(files, tables.parts(now[0].option))
            missing = [case for case in now if case.number not in found]
            settled += [Settled(case, found[case.number], "") for case in now if case.number in found]
            if not missing:
                continue
            reason = f"damaged output: {damaged[0]}" if damaged else f"no output ({ran.note})"
            alone = len(now) == 1 or self.goes_on
            if not alone and len(missing) == len(now):
                waiting += [now[: len(now) // 2], now[len(now) // 2 :]]
                continue
            single = [case for case in missing if len(case.plantings) <= 1]
            if alone:
                settled += [Settled(case, None, reason) for case in single]
            else:
                waiting += [[case] for case in single]
            waiting.append(
                [half for case in missing if len(case.plantings) > 1 for half in case.halves(self.numbers)]
            )
        return settled


def collect(out: Path, wanted: dict[int, str], run: int) -> tuple[dict[int, Output], list[str]]:
    """Read what came out and match it with the numbers of cases (and their SOP Classes)."""
    read, damaged = list[Output](), list[str]()
    for path in outputs(out):
        data = path.read_bytes()
        if data[128:132] != b"DICM" and path.suffix.lower() != ".dcm":
            continue  # a report, a list, a log: `strays` looks at it
        try:
            marks = frozenset(found.decode().upper() for found in MARK.findall(data))
            read.append(Output(write.whole(path), run, marks, data))
        except ValueError as error:
            damaged.append(str(error))
    return match(read, wanted), damaged


def strays(out: Path, found: dict[int, Output]) -> list[str]:
    """Say what lies beside the outputs that were matched and still holds what was planted, or who the patient is."""
    known = {output.data for output in found.values()}
    said = []
    for path in outputs(out):
        data = path.read_bytes()
        if data in known:
            continue
        if MARK.search(data) or objects.PATIENT.encode() in data:
            kind = "a further DICOM file" if data[128:132] == b"DICM" else "a file that is no DICOM"
            said.append(f"{kind} beside the outputs holds what was planted")
    return said


def match(read: list[Output], wanted: dict[int, str]) -> dict[int, Output]:
    """Match by pixels, then by SOP Class and Instance Number, then by a SOP Class that only one has."""
    found: dict[int, Output] = {}
    left = []
    for output in read:
        number = number_in(output.dataset, wanted)
        if number is None or number in found:
            left.append(output)
        else:
            found[number] = output
    for output in list(left):
        given = str(output.dataset.get("InstanceNumber", ""))
        number = int(given) if given.isdecimal() else 0
        if number not in found and wanted.get(number) == write.sop_class_of(output.dataset):
            found[number] = output
            left.remove(output)
    for output in left:
        if "PixelData" in output.dataset:
            continue  # its pixels tell another number: it may be late, of a run before this one
        own = write.sop_class_of(output.dataset)
        fits = [number for number, kind in wanted.items() if kind == own and number not in found]
        if len(fits) == 1:
            found[fits[0]] = output
    return found


def number_in(dataset: Dataset, wanted: dict[int, str]) -> int | None:
    """Return the case number that most of the pixels tell, or None."""
    data = dataset.get("PixelData")
    if not isinstance(data, bytes):
        return None
    words = Counter(int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data) - 3, 4))
    told = [number for number, _ in words.most_common() if number in wanted]
    return told[0] if told else None
