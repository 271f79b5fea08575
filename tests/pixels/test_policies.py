from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate

from conformance.pictures import pictures
from dicomanon.audit import AuditLog
from dicomanon.part10.read import read_instance
from dicomanon.pipeline import Cleared, Dropped, Outcome, Quarantined, clear, make_route
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from tests.node.process import TITLE, NodeProcess, wait_until
from tests.peers import dciodvfy, dcmsend
from tests.pixels.pyramids import ACCESSION, NAME, PATIENT, identified, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

JPEG, LITTLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1"


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as it was sent: its file, its picture and the bytes of its frame."""

    path: Path
    image: NDArray[np.uint8]
    frame: bytes


def written(path: Path, flavour: str, image: NDArray[np.uint8], syntax: str = JPEG, **more: Any) -> Shown:
    """Write a picture as a valid image of a slide."""
    rows, columns = image.shape[:2]
    dataset = identified(flavour, columns, rows)
    icon = identified("THUMBNAIL", 8, 8)
    keep = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored")
    for element in list(icon):
        if element.keyword not in (*keep, "HighBit", "PixelRepresentation", "PlanarConfiguration"):
            del icon[element.tag]
    icon.PhotometricInterpretation, icon.PixelData = "RGB", b"ICONCANARY" + bytes(182)
    dataset.IconImageSequence = [icon]
    if syntax == JPEG:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=88, subsampling="4:2:2")
        frame = buffer.getvalue()
        dataset.PixelData = encapsulate([frame])
    else:
        frame = image.tobytes()
        dataset.PhotometricInterpretation = "RGB"
        dataset.PixelData = frame
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OB"
    save(dataset, path, syntax, encapsulated=syntax == JPEG)
    return Shown(path, image, frame)


@pytest.fixture(scope="module")
def label() -> NDArray[np.uint8]:
    """Return a label with a barcode and text, as it is scanned."""
    wanted = (each for each in pictures(60) if each.flavour == "LABEL" and "upright" in each.traits)
    return next(each.image for each in wanted if any("barcode" in thing.kind for thing in each.planted))


@pytest.fixture(scope="module")
def overview() -> NDArray[np.uint8]:
    """Return an overview that shows its label at one end."""
    return next(
        each.image for each in pictures(60) if each.flavour == "OVERVIEW" and each.label and each.planted
    )


def outcome_of(shown: Shown, folder: Path, policy: str, **settings: str) -> Outcome:
    """Clear an image under a policy for all flavours it is for."""
    lines = [f'{key} = "{word}"' for key, word in settings.items()]
    path = folder / f"{policy}.toml"
    words = {"crop": ("OVERVIEW",), "replace": ("LABEL",)}.get(
        policy, ("VOLUME", "THUMBNAIL", "LABEL", "OVERVIEW")
    )
    lines += [f'{word} = "{policy}"' for word in words]
    path.write_text('extends = "research-wsi"\noptions = ["clean-pixel-data"]\n[pixels]\n' + "\n".join(lines))
    (folder / "out").mkdir(exist_ok=True)
    log = AuditLog(folder / "audit.jsonl")
    route = make_route(
        "test", load_profile(str(path)), Pseudonymizer(bytes(range(32))), audit=log, durable=False
    )
    try:
        return clear(lambda: read_instance(io.BytesIO(shown.path.read_bytes())), route, folder / "out")
    finally:
        log.close()


def file_of(outcome: Outcome) -> Path:
    assert isinstance(outcome, Cleared), outcome
    return outcome.path


def audit_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "audit.jsonl").read_text().splitlines()[-1])
    return found


def assert_nothing_of(shown: Shown, path: Path) -> None:
    """Look for pieces of the old frame in the file, and for what its header said."""
    data = path.read_bytes()
    scan = shown.frame[700:-2]
    assert not [
        at
        for at in range(0, len(scan) - 48, 48)
        if scan[at : at + 48] in data and len(set(scan[at : at + 48])) > 8
    ]
    for word in (NAME.split("^")[0], PATIENT, ACCESSION, "ICONCANARY"):
        assert word.encode() not in data


def assert_valid(shown: Shown, path: Path, *, derived: bool) -> Any:
    """Return the output, which has no error that the input has not, and says what is true of it."""
    assert set(dciodvfy(path)) <= set(dciodvfy(shown.path))
    dataset = dcmread(path)
    assert dataset.BurnedInAnnotation == "NO"
    assert dataset.SpecimenLabelInImage == "YES"
    assert "IconImageSequence" not in dataset
    assert "113101" in [each.CodeValue for each in dataset.DeidentificationMethodCodeSequence]
    kinds = dataset.SharedFunctionalGroupsSequence[0].WholeSlideMicroscopyImageFrameTypeSequence[0].FrameType
    assert kinds[0] == dataset.ImageType[0] == ("DERIVED" if derived else "ORIGINAL")
    return dataset


@pytest.mark.parametrize("syntax", [JPEG, LITTLE])
@pytest.mark.parametrize("flavour", ["LABEL", "OVERVIEW"])
def test_a_blank_image_keeps_its_place_and_nothing_of_its_picture(
    label: NDArray[np.uint8], tmp_path: Path, flavour: str, syntax: str
) -> None:
    shown = written(tmp_path / "in.dcm", flavour, label, syntax)

    path = file_of(outcome_of(shown, tmp_path, "blank"))

    dataset = assert_valid(shown, path, derived=True)
    assert (dataset.Rows, dataset.Columns) == label.shape[:2]
    assert (dataset.pixel_array.reshape(-1, 3)[:, 0] >= 254).all()
    assert_nothing_of(shown, path)


@pytest.mark.parametrize("syntax", [JPEG, LITTLE])
@pytest.mark.parametrize("code", ["DataMatrix", "QRCode"])
def test_a_replaced_label_reads_as_the_pseudonym_of_the_slide_and_nothing_else(
    label: NDArray[np.uint8], tmp_path: Path, syntax: str, code: str
) -> None:
    shown = written(tmp_path / "in.dcm", "LABEL", label, syntax)

    path = file_of(outcome_of(shown, tmp_path, "replace", code=code, project="Project Aurora"))

    dataset = assert_valid(shown, path, derived=True)
    read = zxingcpp.read_barcodes(np.ascontiguousarray(rgb_of(dataset)))
    assert [each.text for each in read] == [dataset.ContainerIdentifier]
    assert [str(each.format) for each in read] == [f"{'Data Matrix' if code == 'DataMatrix' else 'QR Code'}"]
    assert dataset.ContainerIdentifier != ACCESSION + "-A1"
    assert_nothing_of(shown, path)


def rgb_of(dataset: Any) -> NDArray[np.uint8]:
    """Return the picture of a data set as a person would see it."""
    return np.asarray(dataset.pixel_array, np.uint8)


@pytest.mark.parametrize(("turns", "syntax"), [(0, JPEG), (1, JPEG), (2, JPEG), (3, JPEG), (1, LITTLE)])
def test_a_cropped_overview_has_lost_its_label_and_kept_its_tissue_and_its_place(
    overview: NDArray[np.uint8], tmp_path: Path, syntax: str, turns: int
) -> None:
    image = np.ascontiguousarray(np.rot90(overview, turns))
    shown = written(tmp_path / "in.dcm", "OVERVIEW", image, syntax)

    path = file_of(outcome_of(shown, tmp_path, "crop"))

    dataset = assert_valid(shown, path, derived=True)
    rows, columns = image.shape[:2]
    cut = (rows - dataset.Rows, columns - dataset.Columns)
    assert min(cut) == 0
    assert 0.15 < max(cut) / max(rows, columns) < 0.55
    assert (dataset.TotalPixelMatrixRows, dataset.TotalPixelMatrixColumns) == (dataset.Rows, dataset.Columns)
    old = dcmread(shown.path)
    assert dataset.ImagedVolumeWidth / old.ImagedVolumeWidth == pytest.approx(
        dataset.Columns / columns, rel=1e-4
    )
    assert dataset.ImagedVolumeHeight / old.ImagedVolumeHeight == pytest.approx(dataset.Rows / rows, rel=1e-4)
    assert zxingcpp.read_barcodes(np.ascontiguousarray(rgb_of(dataset))) == []
    moved = {
        name: float(new) - float(was)
        for name, new, was in (
            (
                name,
                getattr(dataset.TotalPixelMatrixOriginSequence[0], name),
                getattr(old.TotalPixelMatrixOriginSequence[0], name),
            )
            for name in ("XOffsetInSlideCoordinateSystem", "YOffsetInSlideCoordinateSystem")
        )
    }
    spacing = float(old.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing[0])
    assert sum(abs(each) for each in moved.values()) in (
        0,
        pytest.approx(max(cut) * spacing, rel=1e-5),
    )


@pytest.mark.parametrize("syntax", [JPEG, LITTLE])
def test_a_cleaned_label_shows_nothing_that_can_be_read(
    label: NDArray[np.uint8], tmp_path: Path, syntax: str
) -> None:
    shown = written(tmp_path / "in.dcm", "LABEL", label, syntax)

    path = file_of(outcome_of(shown, tmp_path, "clean"))

    from dicomanon.pixels.find import find

    dataset = assert_valid(shown, path, derived=False)
    left = [
        each for each in find(rgb_of(dataset)) if sum(map(str.isalnum, each.text)) > 1 and each.score > 0.6
    ]
    assert left == []
    record = audit_of(tmp_path)["pixels"]
    assert record["done"] == "cleaned"
    assert {each["kind"] for each in record["found"]} >= {"text", "barcode"}
    assert all(set(each) == {"kind", "score", "box"} for each in record["found"])


def test_what_is_written_on_a_label_stands_in_no_audit_and_is_known_to_be_of_the_header(
    tmp_path: Path,
) -> None:
    from PIL import ImageDraw, ImageFont

    picture = Image.new("RGB", (500, 300), "white")
    ImageDraw.Draw(picture).text(
        (20, 60), f"ZEBRAWORD\n{PATIENT}", fill="black", font=ImageFont.load_default(50)
    )
    shown = written(tmp_path / "in.dcm", "LABEL", np.asarray(picture))

    outcome = outcome_of(shown, tmp_path, "clean")

    assert isinstance(outcome, Cleared)
    text = (tmp_path / "audit.jsonl").read_text().upper()
    assert "ZEBRA" not in text
    assert PATIENT not in text
    assert audit_of(tmp_path)["pixels"]["own"] >= 1


@pytest.mark.parametrize("flavour", ["LABEL", "OVERVIEW", "THUMBNAIL", "VOLUME"])
def test_a_gate_lets_no_picture_through_in_which_something_is_found(
    label: NDArray[np.uint8], tmp_path: Path, flavour: str
) -> None:
    shown = written(tmp_path / "in.dcm", flavour, label, BurnedInAnnotation="NO")

    outcome = outcome_of(shown, tmp_path, "gate")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "pixels"
    assert "found in the picture" in outcome.message
    assert list((tmp_path / "out").iterdir()) == []
    assert audit_of(tmp_path)["pixels"]["count"] > 0


def test_a_gate_lets_an_empty_label_through_and_says_that_nothing_is_burned_in(tmp_path: Path) -> None:
    shown = written(
        tmp_path / "in.dcm", "LABEL", np.full((200, 300, 3), 250, np.uint8), BurnedInAnnotation="NO"
    )

    dataset = dcmread(file_of(outcome_of(shown, tmp_path, "gate")))

    assert dataset.BurnedInAnnotation == "NO"
    assert (dataset.pixel_array[..., 0] > 240).all()


@pytest.mark.parametrize("policy", ["gate", "clean"])
def test_a_picture_that_says_there_is_text_is_quarantined_when_none_is_found(
    tmp_path: Path, policy: str
) -> None:
    shown = written(tmp_path / "in.dcm", "LABEL", np.full((200, 300, 3), 250, np.uint8))

    outcome = outcome_of(shown, tmp_path, policy)

    assert isinstance(outcome, Quarantined)
    assert "none was found" in outcome.message


def test_a_label_in_which_nothing_is_found_is_quarantined_unless_it_is_empty(tmp_path: Path) -> None:
    scribble = np.full((200, 300, 3), 250, np.uint8)
    for column in range(40, 260):
        row = int(100 + 30 * np.sin(column / 23))
        scribble[row - 3 : row + 3, column] = 30
    shown = written(tmp_path / "in.dcm", "LABEL", scribble, BurnedInAnnotation="NO")

    outcome = outcome_of(shown, tmp_path, "clean")

    if isinstance(outcome, Cleared):  # the line was taken for writing, and covered
        covered = dcmread(outcome.path).pixel_array[..., 0] < 16
        assert covered[100, 45:255].mean() > 0.8
    else:
        assert isinstance(outcome, Quarantined)


def test_an_overview_whose_label_is_not_found_is_quarantined_rather_than_cropped(tmp_path: Path) -> None:
    shown = written(tmp_path / "in.dcm", "OVERVIEW", np.full((300, 900, 3), 240, np.uint8))

    outcome = outcome_of(shown, tmp_path, "crop")

    assert isinstance(outcome, Quarantined)
    assert "where the label is was not found" in outcome.message


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data.replace(b"\xff\xda", b"\xff\xd9", 1), "malformed"),
        (lambda data: data[: len(data) // 2], "malformed"),
        (lambda data: data.replace(b"YBR_FULL_422", b"PALETTE COLO", 1), "unsupported"),
        (lambda data: data.replace(b"\xff\xc0\x00\x11", b"\xff\xc2\x00\x11", 1), "malformed"),
    ],
)
@pytest.mark.parametrize("policy", ["clean", "gate"])
def test_a_picture_that_cannot_be_read_is_quarantined_by_name(
    label: NDArray[np.uint8], tmp_path: Path, spoil: Callable[[bytes], bytes], reason: str, policy: str
) -> None:
    shown = written(tmp_path / "in.dcm", "LABEL", label)
    shown.path.write_bytes(spoil(shown.path.read_bytes()))

    outcome = outcome_of(shown, tmp_path, policy)

    assert isinstance(outcome, Quarantined)
    assert outcome.reason in {reason, "pixels", "malformed", "unsupported"}
    assert outcome.reason != "internal"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_dropped_label_stays_behind_whatever_the_options_say(
    label: NDArray[np.uint8], tmp_path: Path
) -> None:
    shown = written(tmp_path / "in.dcm", "LABEL", label)

    assert isinstance(outcome_of(shown, tmp_path, "drop"), Dropped)


@pytest.mark.peer
def test_the_node_does_to_pictures_what_a_run_over_files_does(
    label: NDArray[np.uint8], overview: NDArray[np.uint8], tmp_path: Path
) -> None:
    profile = tmp_path / "node.toml"
    profile.write_text(
        'extends = "research-wsi"\noptions = ["clean-pixel-data"]\n[pixels]\nLABEL = "replace"\nOVERVIEW = "crop"\n'
    )
    files = [
        written(tmp_path / "label.dcm", "LABEL", label).path,
        written(tmp_path / "overview.dcm", "OVERVIEW", overview).path,
        written(tmp_path / "volume.dcm", "VOLUME", label, BurnedInAnnotation="NO").path,
    ]
    out = f"file://{tmp_path / 'out'}"
    node = NodeProcess(tmp_path / "node", [out], profile=str(profile), more="quiet = 1")
    node.start()
    try:
        dcmsend(node.port, files, TITLE)
        wait_until(lambda: node.states() == ["sent"] * 3, 120, "three images are delivered")
    finally:
        node.stop()

    found = {dataset.ImageType[2]: dataset for dataset in map(dcmread, (tmp_path / "out").rglob("*.dcm"))}
    assert set(found) == {"LABEL", "OVERVIEW", "VOLUME"}
    read = zxingcpp.read_barcodes(np.ascontiguousarray(rgb_of(found["LABEL"])))
    assert [each.text for each in read] == [found["LABEL"].ContainerIdentifier]
    assert found["OVERVIEW"].Rows * found["OVERVIEW"].Columns < overview.shape[0] * overview.shape[1]
    assert zxingcpp.read_barcodes(np.ascontiguousarray(rgb_of(found["VOLUME"]))) == []
    for path in (tmp_path / "out").rglob("*.dcm"):
        assert PATIENT.encode() not in path.read_bytes()
