"""The main job on real slides: dcmsend -> our node -> Orthanc and dcmtk's storescp, every WSI of the corpus."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.uid import JPEG2000

from dicomanon.pseudonym import Pseudonymizer, read_key
from tests.peers import Orthanc, StoreScp, dciodvfy
from tests.way import (
    DICOMANON,
    SECONDS,
    Way,
    by_new_uid,
    by_uid,
    data_set,
    files_in,
    flavour,
    found_in,
    header,
    leaves,
    names_in,
    node,
    pixels,
    scans,
    seen_by_openslide,
    seen_by_wsidicom,
    send,
    wait_until_delivered,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]

SVS = (
    "slides/aperio/CMU-1-Small-Region.svs",
    "slides/synthetic/synthetic-svs.svs",
    "slides/synthetic/synthetic-svs-jp2k.svs",
    "slides/openslide-fixtures/small.svs",
)
"""All SVS but one damaged on purpose and one that is a copy of another under a name outside ASCII."""
KEEP_ALL = """
name = "keep-all-images"
title = "The default, with every image it would drop"
extends = "research-wsi"
[pixels]
LABEL = "keep"
OVERVIEW = "keep"
THUMBNAIL = "keep"
VOLUME = "keep"
burned-in = "keep"
"""
LABELS = {
    *("2", "1.2.826.0.1.3680043.8.498.25547727731242830391830454722824599650.dcm"),
    *("1.2.826.0.1.3680043.8.498.68297860750526126870974958290035028993.dcm", "downsample-1-in.dcm"),
    *("downsample-8-in.dcm", "downsample-32-in.dcm", "test_dicom_matrix.dcm", "test_wikipedia.dcm"),
    *("test_wsi2.dcm", "wsi_private_tags.dcm", "test_png_to_dicom_source.dcm"),
}
"""DICOM files of the corpus that are a LABEL or an OVERVIEW: the default lets none of them out."""

WITH_TEXT = {
    *("1_Map", "5_0", "6_0", "7_0", "8_0", "9_0", "10_0", "11_0", "12_0"),
    "test_jpeg_dicom.dcm",
}
"""Files whose JPEG frames hold a comment or EXIF: it is wiped in place, and their scans stay as they are."""
ONE_UID = {"sm_image.dcm", "sm_image_control.dcm"}
"""Two images of the corpus with other pixels and one SOP Instance UID: the second must not be lost in silence."""
CONVERTED = "2.25."


@pytest.fixture(scope="module")
def identified(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every WSI of the corpus as DICOM that still names its patient: SVS converted, DICOM as it is."""
    folder = tmp_path_factory.mktemp("identified")
    slides = [str(corpus / name) for name in SVS]
    subprocess.run(
        [*DICOMANON, "convert", *slides, "--identified", "--out", str(folder)], check=True, timeout=SECONDS
    )
    dicom = [path for path in (corpus / "dicom/wsi").rglob("*") if path.is_file() and path.suffix != ".txt"]
    fixtures = (corpus / "slides/openslide-fixtures").glob("*.dcm")
    return sorted([*folder.glob("*.dcm"), *dicom, *fixtures])


@pytest.fixture(scope="module", params=["research-wsi", "keep-all"])
def way(
    request: pytest.FixtureRequest, identified: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Way]:
    """Send everything while the archives are down, look into the spool, start them, and read back."""
    folder = tmp_path_factory.mktemp("way")
    profile = request.param
    if profile == "keep-all":
        profile = str(folder / "keep-all.toml")
        (folder / "keep-all.toml").write_text(KEEP_ALL)
    (folder / "orthanc").mkdir()
    (folder / "storescp").mkdir()
    # Debian's versions are older than the label map segmentations of the corpus.
    orthanc = Orthanc(folder / "orthanc", {"UnknownSopClassAccepted": True})
    storescp = StoreScp(folder / "storescp", ["-pm"])
    # One key for all runs: under some a date moves onto another one of its source, which looks like a leak.
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_text(bytes(range(32)).hex())
    config = folder / "node.toml"
    config.write_text(
        f'[node]\nspool = "spool"\nport = 0\n[node.retry]\nfirst = 0.2\nlongest = 0.5\n'
        f'[[route]]\nname = "corpus"\nprofile = "{profile}"\nkey = "key"\nscope = "corpus"\n'
        f'destinations = ["dicom://{Orthanc.title}@127.0.0.1:{orthanc.port}",'
        f' "dicom://{StoreScp.title}@127.0.0.1:{storescp.port}"]\n'
    )
    try:
        with node(config) as port:
            answers = send(port, identified, folder / "report.txt")
            spooled = {
                str(path.relative_to(folder)): path.read_bytes() for path in files_in(folder / "spool")
            }
            orthanc.start()
            storescp.start()
            status = wait_until_delivered(config)
            (folder / "read-back").mkdir()
            for identifier in orthanc.instances():
                (folder / "read-back" / f"{identifier}.dcm").write_bytes(orthanc.file(identifier))
            yield Way(
                profile=profile,
                sent=by_new_uid(identified, Pseudonymizer(read_key(folder / "key"))),
                answers=answers,
                status=status,
                spooled=spooled,
                spool=folder / "spool",
                orthanc=by_uid(files_in(folder / "read-back")),
                storescp=by_uid(storescp.files()),
            )
    finally:
        orthanc.stop()
        storescp.stop()


def test_every_instance_is_accounted_for(way: Way, identified: list[Path]) -> None:
    expected = identified if way.profile != "research-wsi" else [path for path in identified if leaves(path)]
    refused = sum(count for by in way.status["refusals"].values() for count in by.values())

    taken = [path for path in expected if way.answers[str(path)] == "0x0000 (Success)"]
    others = [path for path in expected if path not in taken]

    assert {path.name for path in others} < ONE_UID
    assert len(others) == len(ONE_UID) - 1
    assert all(way.answers[str(path)].lower().startswith("0xc004") for path in others)
    assert {way.answers[str(path)] for path in identified if path not in others} == {"0x0000 (Success)"}
    assert way.status["kept"] == len(taken)
    assert way.status["kept"] + refused == len(identified)
    assert set(way.orthanc) == set(way.storescp)
    assert set(way.storescp) == {uid for uid, paths in way.sent.items() if set(paths) & set(expected)}
    assert list(way.status["deliveries"].values()) == 2 * [{"sent": len(taken)}]


def test_no_label_and_no_overview_arrives_unless_the_profile_keeps_them(way: Way) -> None:
    gone = {path.name for uid, paths in way.sent.items() if uid not in way.storescp for path in paths}
    converted = {name for name in gone if name.startswith(CONVERTED)}
    flavours = Counter(flavour(header(path)) for path in way.storescp.values())

    if way.profile == "research-wsi":
        assert gone - converted == LABELS
        assert len(converted) == 6
        assert set(way.status["refusals"]) == {"dropped", "failed"}
        assert not {"LABEL", "OVERVIEW"} & set(flavours)
    else:
        assert gone == set()
        assert set(way.status["refusals"]) == {"failed"}
        assert flavours["LABEL"] >= 8
        assert flavours["OVERVIEW"] >= 4


@pytest.mark.parametrize("archive", ["orthanc", "storescp"])
def test_pixel_data_comes_back_bit_for_bit(way: Way, archive: str) -> None:
    changed = {
        sources[0]: back
        for sources, back in way.pairs(archive)
        if pixels(back) not in {pixels(path) for path in sources}
    }

    assert len(getattr(way, archive)) > 30
    arrived = {path.name for sources, _ in way.pairs(archive) for path in sources}
    assert {path.name for path in changed if not path.name.startswith(CONVERTED)} == WITH_TEXT & arrived
    assert {str(dcmread(path).file_meta.TransferSyntaxUID) for path in changed if CONVERTED in path.name} == {
        JPEG2000
    }, "of the converted ones, only encoders of JPEG 2000 sign their work"
    assert [path.name for path, back in changed.items() if scans(back) != scans(path)] == []


def test_both_archives_have_the_same_bytes(way: Way) -> None:
    repeated = {uid for uid, paths in way.sent.items() if len(paths) > 1}
    different = [
        uid
        for uid, path in way.storescp.items()
        if uid not in repeated and data_set(path) != data_set(way.orthanc[uid])
    ]

    assert different == []


def test_dciodvfy_shows_no_error_that_the_input_had_not(way: Way) -> None:
    def errors(path: Path) -> set[str]:
        return {re.sub(r"<[^>]*>", "<>", line) for line in dciodvfy(path)}

    new = {
        sources[0].name: found
        for sources, back in way.pairs("storescp")
        if (found := errors(back) - set().union(*map(errors, sources)))
    }

    assert new == {}


def test_verify_finds_nothing(way: Way, corpus: Path) -> None:
    done = verify(way, way.orthanc.values(), corpus)

    assert json.loads(done.stdout)["findings"] == []
    assert json.loads(done.stdout)["files"] == len(way.orthanc)
    assert done.returncode == 0, done.stderr


def test_verify_finds_nothing_but_who_sent_it_in_an_archive_that_writes_that_down(
    way: Way, corpus: Path
) -> None:
    findings = json.loads(verify(way, way.storescp.values(), corpus).stdout)["findings"]

    assert {(finding["check"], finding["path"]) for finding in findings} <= {("container", "(0002,0016)")}
    assert {str(dcmread(path).file_meta.SourceApplicationEntityTitle) for path in way.storescp.values()} == {
        "DICOMANON"
    }


def verify(way: Way, outputs: Iterable[Path], corpus: Path) -> subprocess.CompletedProcess[str]:
    """Run our verification over every byte, against the identified DICOM and the slides it was made of."""
    sources = [*(path for paths in way.sent.values() for path in paths), *(corpus / name for name in SVS)]
    command = [*DICOMANON, "verify", *map(str, outputs), "--profile", way.profile, "--deep", "--json"]
    command += [word for path in sources for word in ("--source", str(path))]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)


def test_viewers_see_the_same_slide_before_and_after(way: Way, tmp_path: Path) -> None:
    series = defaultdict(list)
    for sources, back in way.pairs("orthanc"):
        if len(sources) == 1:
            series[str(header(back).SeriesInstanceUID)].append((sources[0], back))
    opened = Counter[str]()
    for number, pairs in enumerate(series.values()):
        before, after = tmp_path / f"{number}-before", tmp_path / f"{number}-after"
        for folder, paths in zip((before, after), zip(*pairs, strict=True), strict=True):
            folder.mkdir()
            for at, path in enumerate(paths):
                (folder / f"{at}.dcm").symlink_to(path)
        for name, look in (("openslide", seen_by_openslide), ("wsidicom", seen_by_wsidicom)):
            if (seen := look(before)) is not None:
                opened[name] += 1
                assert look(after) == seen, f"{name}: {pairs[0][0].name}"

    assert opened["openslide"] >= 12
    assert opened["wsidicom"] >= 14


def test_nothing_planted_in_the_synthetic_slides_arrives(way: Way, corpus: Path) -> None:
    values = set()
    for name in SVS:
        listed = (corpus / name).with_name(f"{(corpus / name).name}.phi.json")
        if listed.exists():
            values |= {entry["value"] for entry in json.loads(listed.read_text())["planted"]}
    arrived = b"\0".join(path.read_bytes() for path in [*way.orthanc.values(), *way.storescp.values()])

    assert len(values) >= 10
    assert found_in(values, arrived) == []


def test_the_spool_never_holds_an_identified_byte(way: Way) -> None:
    values = {value for paths in way.sent.values() for path in paths for value in names_in(header(path))}
    waiting = [name for name in way.spooled if name.endswith(".dcm")]
    sources = b"\0".join(path.read_bytes() for paths in way.sent.values() for path in paths).lower()

    assert len(waiting) == way.status["kept"], "everything waits in the spool while the archives are down"
    assert len(values) > 200
    assert [value for value in values if value.lower().encode() not in sources] == [], (
        "the search finds nothing"
    )
    assert found_in(values, b"\0".join(way.spooled.values())) == []
    assert found_in(values, b"\0".join(path.read_bytes() for path in files_in(way.spool))) == []
    assert list(way.spool.rglob("*.dcm")) == [], "what is delivered does not stay"
