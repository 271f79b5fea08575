"""The machinery of test_the_way: our node as a process, dcmsend to it, and what readers see of what came back."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import openslide
from pydicom import dcmread
from pydicom.encaps import generate_fragments
from wsidicom import WsiDicom
from wsidicom.errors import WsiDicomError, WsiDicomNotFoundError, WsiDicomUidDuplicateError

from dicomanon.config import load_config
from dicomanon.node.run import print_status
from tests.canary import forms
from tests.peers import LARGEST_PDU, peer_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from PIL.Image import Image
    from pydicom import Dataset

    from dicomanon.pseudonym import Pseudonymizer

DICOMANON = (sys.executable, "-c", "from dicomanon.cli import main; main()")
SECONDS = 90
STARTS = {b"\xff\xd8": b"\xff\xda", b"\xff\x4f": b"\xff\x90"}
"""Where the first scan of a JPEG, and the first tile part of a JPEG 2000 code stream, begins."""
WITHOUT_PYRAMID = (WsiDicomError, WsiDicomNotFoundError, WsiDicomUidDuplicateError, RuntimeError)
SNOMED_CT = "2.16.840.1.113883.6.96"
PLACEHOLDERS = ("anonymous", "unknown")
IDENTIFIERS = (
    *("PatientName", "PatientID", "AccessionNumber", "ReferringPhysicianName", "OperatorsName"),
    *(
        "ContainerIdentifier",
        "SpecimenIdentifier",
        "DeviceSerialNumber",
        "BarcodeValue",
        "LabelText",
        "StudyID",
    ),
)


@dataclass(frozen=True, slots=True)
class Way:
    """What one run left: `sent` and what the archives have are by the SOP Instance UID that the way gives them."""

    profile: str
    sent: dict[str, list[Path]]
    answers: dict[str, str]
    status: dict[str, Any]
    spooled: dict[str, bytes]
    spool: Path
    orthanc: dict[str, Path]
    storescp: dict[str, Path]

    def pairs(self, archive: str) -> Iterator[tuple[list[Path], Path]]:
        """Yield the candidates for the source (UIDs repeat in the corpus) of each file an archive has."""
        for uid, path in getattr(self, archive).items():
            yield self.sent[uid], path


@contextmanager
def node(config: Path) -> Iterator[int]:
    """Run our node as its users do; give its port, and stop it at the end."""
    said = config.parent / "node.out"
    with said.open("wb") as out, (config.parent / "node.log").open("wb") as log:
        process = subprocess.Popen([*DICOMANON, "node", "--config", str(config)], stdout=out, stderr=log)
    try:
        deadline = time.monotonic() + SECONDS
        while not (found := re.search(r" listens on 127\.0\.0\.1:(\d+);", said.read_text())):
            assert process.poll() is None, (config.parent / "node.log").read_text()
            assert time.monotonic() < deadline, "the node did not say its port"
            time.sleep(0.05)
        yield int(found[1])
    finally:
        process.terminate()
        process.wait(SECONDS)


def send(port: int, files: list[Path], report: Path) -> dict[str, str]:
    """Send every file with dcmsend, whatever becomes of the others; return the answer to each."""
    command = [peer_program("dcmsend", "dcmtk"), "-dn", "+f", "-nuc", "-nh", "-to", "20", "-ta", "30"]
    command += ["-pdu", LARGEST_PDU, "+crf", str(report), "-aec", "DICOMANON", "127.0.0.1", str(port)]
    done = subprocess.run([*command, *map(str, files)], check=False, capture_output=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr.decode()
    text = report.read_text()
    names = re.findall(r"^Filename +: (.*)$", text, re.MULTILINE)
    answers = re.findall(r"^DIMSE Status +: (.*)$", text, re.MULTILINE)
    assert sorted(names) == sorted(map(str, files))
    return dict(zip(names, answers, strict=True))


def wait_until_delivered(config: Path) -> dict[str, Any]:
    """Return the counts of the node as soon as every delivery has come to its end."""
    deadline = time.monotonic() + SECONDS
    while True:
        status: dict[str, Any] = json.loads(print_status(load_config(config)))
        states = {state for counts in status["deliveries"].values() for state in counts}
        if not states & {"waiting", "sending"}:
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.1)


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def header(path: Path) -> Dataset:
    return dcmread(path, force=True, stop_before_pixels=True)


def by_uid(paths: Iterable[Path]) -> dict[str, Path]:
    return {str(header(path).SOPInstanceUID): path for path in paths}


def by_new_uid(paths: Iterable[Path], pseudonymizer: Pseudonymizer) -> dict[str, list[Path]]:
    found = defaultdict(list)
    for path in paths:
        found[pseudonymizer.uid(str(header(path).SOPInstanceUID).encode()).decode()].append(path)
    return dict(found)


def pixels(path: Path) -> str:
    """SHA-256 of the value of Pixel Data as it stands in the file, fragments and all, read by pydicom."""
    dataset = dcmread(path, force=True)
    return hashlib.sha256(dataset.get("PixelData", b"")).hexdigest()


def scans(path: Path) -> list[str]:
    """SHA-256 of each fragment from its first scan on, with the length of what comes before."""
    fragments = list(generate_fragments(dcmread(path, force=True).PixelData))[1:]
    starts = [fragment.index(STARTS[fragment[:2]]) for fragment in fragments]
    return [
        f"{start} {hashlib.sha256(fragment[start:]).hexdigest()}"
        for start, fragment in zip(starts, fragments, strict=True)
    ]


def data_set(path: Path) -> bytes:
    """Everything behind group 0002."""
    data = path.read_bytes()
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]


def found_in(values: Iterable[str], data: bytes) -> list[str]:
    """List the values that stand in `data` in any of the forms of the canary search."""
    lowered = data.lower()
    return [value for value in values if any(_stands(form, lowered) for form in set(forms(value)))]


def _stands(form: bytes, data: bytes) -> bool:
    """Tell whether a form is there; a number within a longer one, of a UID say, is there by chance."""
    if not form.isdigit():
        return form in data
    return re.search(rb"(?<![0-9])" + form + rb"(?![0-9])", data) is not None


def flavour(dataset: Dataset) -> str:
    """Image Type value 3; empty where there is none."""
    return str([*dataset.get("ImageType", ()), "", "", ""][2])


def leaves(path: Path) -> bool:
    """Whether the default profile lets an image out: it must neither be nor show the label."""
    dataset = header(path)
    return flavour(dataset) not in ("LABEL", "OVERVIEW") and dataset.get("SpecimenLabelInImage") != "YES"


def seen_by_openslide(folder: Path) -> list[str] | None:
    """Sizes, spacing and pixels of each level; None where it does not open the slide."""
    try:
        slide = openslide.OpenSlide(next(folder.iterdir()))
    except openslide.OpenSlideError:
        return None
    with slide:
        seen = [str(slide.level_dimensions), str(slide.properties.get("openslide.mpp-x"))]
        for level in range(slide.level_count):
            seen += [digest(slide.read_region(place, level, (256, 256))) for place in ((0, 0), (300, 200))]
        return [*seen, *(f"{name} {digest(image)}" for name, image in slide.associated_images.items())]


def seen_by_wsidicom(folder: Path) -> list[str] | None:
    """Size, spacing and first tile of each level; None where it does not open the slide."""
    try:
        with WsiDicom.open(folder) as slide:
            return [
                f"{level.size} {level.pixel_spacing} {digest(slide.read_tile(level.level, (0, 0)))}"
                for level in slide.pyramids[0]
            ]
    except WITHOUT_PYRAMID:
        return None  # images without a pyramid, or incomplete on purpose


def digest(image: Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


def names_in(dataset: Dataset) -> Iterator[str]:
    """Names, identifiers and UIDs of a source, in items too, that stand for one person, case or slide."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from names_in(item)
        elif element.VR == "UI" and element.value:
            values = [str(value) for value in (element.value if element.VM > 1 else [element.value])]
            yield from (uid for uid in values if not uid.startswith("1.2.840.10008.") and uid != SNOMED_CT)
        elif element.keyword in IDENTIFIERS and str(element.value).lower() not in PLACEHOLDERS:
            yield from [str(element.value)] if len(str(element.value)) > 4 else ()
