"""Levels of a slide wait for each other, and what is found on one of them is covered on all that leave."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from pydicom import dcmread

from dicomanon.errors import ConfigError, MalformedError
from dicomanon.node.holding import Holding
from dicomanon.node.outbox import Outbox
from dicomanon.node.status import read_status
from dicomanon.pixels.box import Box
from dicomanon.pixels.places import Places, Seen
from dicomanon.pseudonym import write_key
from tests.node.process import TITLE, NodeProcess, wait_until
from tests.peers import dcmsend
from tests.pixels.parts import frames_of
from tests.pixels.pyramids import ACCESSION, NAME, PATIENT, tissue, write_pyramid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.pixels.pyramids import Written

JPEG = "1.2.840.10008.1.2.4.50"
INK = Box(600, 250, 1750, 420)
"""Where the name is written into the base, as the letters reach."""
SETTLED = 120.0


@pytest.fixture(scope="module")
def levels(tmp_path_factory: pytest.TempPathFactory) -> list[Written]:
    """Return three levels of a slide into whose tissue somebody wrote a name."""
    base = tissue(2560, 768)
    base[INK.top - 40 : INK.bottom + 40, INK.left - 40 : INK.right + 40] = (235, 225, 235)
    place, font = (INK.left + 10, INK.bottom - 40), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(base, "GARCIA PRUEBA 2058756", place, font, 2.9, (20, 20, 60), 7, cv2.LINE_AA)
    return write_pyramid(tmp_path_factory.mktemp("levels"), base, JPEG)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "cleaned.toml"
    path.write_text('extends = "research-wsi"\noptions = ["clean-pixel-data"]\n[pixels]\nsearch = "1"\n')
    return path


@pytest.fixture
def make_node(tmp_path: Path, profile: Path) -> Iterator[Callable[[float], NodeProcess]]:
    made: list[NodeProcess] = []

    def make(quiet: float) -> NodeProcess:
        out = f"file://{tmp_path / 'out'}"
        node = NodeProcess(tmp_path / "node", [out], profile=str(profile), more=f"quiet = {quiet}")
        made.append(node)
        node.start()
        return node

    yield make
    for node in made:
        node.stop()


def held(node: NodeProcess) -> list[Path]:
    return sorted((node.spool / "held").iterdir())


def assert_sealed(node: NodeProcess) -> None:
    """Nothing in the spool, sealed files and log included, shows who the patient is or where it came from."""
    planted = [NAME, "GARCIA", PATIENT, ACCESSION, "SCANNER-4471", "1.2.826.0.1.3680043.10.1947.77"]
    files = [path for path in node.spool.rglob("*") if path.is_file()]
    for path in (*files, node.log):
        data = path.read_bytes()
        assert not [word for word in planted if word.encode() in data], path.name


def outputs(folder: Path) -> dict[int, Any]:
    return {dataset.TotalPixelMatrixColumns: dataset for dataset in map(dcmread, folder.rglob("*.dcm"))}


def assert_covered(folder: Path, levels: list[Written]) -> None:
    """Every level that left has the letters covered, and the frames far from them as they came."""
    found = {path.name: path for path in folder.rglob("*.dcm")}
    assert len(found) == len(levels)
    by_width = {
        dcmread(path, stop_before_pixels=True).TotalPixelMatrixColumns: path for path in found.values()
    }
    for level in levels:
        image = level.image(by_width[level.columns])
        edges = (INK.left, INK.top, INK.right, INK.bottom)
        left, top, right, bottom = (edge // level.scale for edge in edges)
        middle = image[(top + bottom) // 2 - 8 // level.scale : (top + bottom) // 2 + 8 // level.scale]
        assert (middle[:, left + 60 // level.scale : right - 60 // level.scale].max(axis=2) < 16).all()
        last = level.frames()[-1]
        assert level.frames(by_width[level.columns])[-1] == last


@pytest.mark.peer
def test_levels_that_come_one_by_one_leave_with_the_same_boxes(
    make_node: Callable[[float], NodeProcess], levels: list[Written], tmp_path: Path
) -> None:
    node = make_node(4.0)

    for level in reversed(levels):
        dcmsend(node.port, [level.path], TITLE)
        assert_sealed(node)
    assert node.states() == []
    assert len(held(node)) == 3
    wait_until(lambda: node.states() == ["sent"] * 3, SETTLED, "all levels are delivered")

    assert_covered(tmp_path / "out", levels)
    assert held(node) == []
    assert node.rows("SELECT count(*) FROM held") == [(0,)]
    assert_sealed(node)
    for dataset in outputs(tmp_path / "out").values():
        assert "113101" in [each.CodeValue for each in dataset.DeidentificationMethodCodeSequence]
        assert PATIENT not in str(dataset)
    assert (node.spool / "audit.jsonl").read_text().count('"outcome":"held"') == 3


@pytest.mark.peer
def test_a_node_that_is_killed_while_levels_wait_releases_them_after_its_next_start(
    make_node: Callable[[float], NodeProcess], levels: list[Written], tmp_path: Path
) -> None:
    node = make_node(5.0)
    dcmsend(node.port, [level.path for level in levels], TITLE)
    assert len(held(node)) == 3

    node.kill()
    orphan = node.spool / "held" / f"{'0' * 32}.held"
    orphan.write_bytes(b"left by a crash")
    node.start()
    wait_until(lambda: node.states() == ["sent"] * 3, SETTLED, "all levels are delivered")

    assert_covered(tmp_path / "out", levels)
    assert held(node) == []


@pytest.mark.peer
def test_a_level_that_comes_when_others_have_left_gets_their_boxes(
    make_node: Callable[[float], NodeProcess], levels: list[Written], tmp_path: Path
) -> None:
    node = make_node(0.5)
    dcmsend(node.port, [levels[0].path], TITLE)
    wait_until(lambda: node.states() == ["sent"], SETTLED, "the first level is delivered")
    node.stop()  # what was found survives, sealed
    node.start()

    started = time.monotonic()
    dcmsend(node.port, [levels[1].path, levels[2].path], TITLE)
    wait_until(lambda: node.states() == ["sent"] * 3, SETTLED, "the others are delivered")

    assert time.monotonic() - started < SETTLED
    assert_covered(tmp_path / "out", levels)
    assert "found-late" not in node.log.read_text()
    assert_sealed(node)


@pytest.mark.peer
def test_what_a_header_forbids_is_refused_at_once_and_what_comes_twice_is_held_once(
    make_node: Callable[[float], NodeProcess], levels: list[Written], tmp_path: Path
) -> None:
    node = make_node(60.0)
    nameless = dcmread(levels[2].path)
    nameless.PatientID = ""
    nameless.save_as(tmp_path / "nameless.dcm")

    dcmsend(node.port, [tmp_path / "nameless.dcm"], TITLE, check=False)
    assert node.refusals() == [("quarantined", "refused", 0xC002)]
    assert held(node) == []
    for _ in range(2):
        dcmsend(node.port, [levels[1].path], TITLE)
    assert len(held(node)) == 1
    assert node.rows("SELECT state FROM held") == [("waiting",)]


@pytest.mark.peer
def test_a_level_with_a_damaged_frame_stays_sealed_and_the_others_leave(
    make_node: Callable[[float], NodeProcess], levels: list[Written], tmp_path: Path
) -> None:
    node = make_node(1.0)
    damaged = dcmread(levels[0].path)
    frame = frames_of(damaged)[13]  # the letters are there
    assert damaged.PixelData.count(frame) == 1
    damaged.PixelData = damaged.PixelData.replace(frame, frame[:300] + bytes(len(frame) - 300))
    damaged.save_as(tmp_path / "damaged.dcm")

    dcmsend(node.port, [tmp_path / "damaged.dcm", levels[1].path], TITLE)
    wait_until(lambda: node.states() == ["sent"], SETTLED, "the whole level is delivered")
    wait_until(lambda: node.rows("SELECT state FROM held") == [("quarantined",)], SETTLED, "the other stays")

    assert len(held(node)) == 1
    assert_sealed(node)
    node.stop()
    outbox = Outbox(node.spool, read_only=True)
    status = read_status(outbox)
    outbox.close()
    assert status.kept == 1
    assert status.held == {"quarantined": 1}
    assert list(status.refusals) == ["quarantined"]
    assert set(outputs(tmp_path / "out")) == {levels[1].columns}


@pytest.mark.peer
def test_with_another_key_what_waits_stays_where_it_is(
    make_node: Callable[[float], NodeProcess], levels: list[Written], tmp_path: Path
) -> None:
    node = make_node(3.0)
    dcmsend(node.port, [levels[2].path], TITLE)
    node.kill()
    key = tmp_path / "node" / "key"
    old = key.read_text()
    key.unlink()
    write_key(key)

    node.start()
    wait_until(
        lambda: node.rows("SELECT state FROM held") == [("quarantined",)], SETTLED, "it cannot be opened"
    )
    assert len(held(node)) == 1
    assert node.states() == []

    node.kill()
    key.write_text(old)
    outbox = Outbox(node.spool)
    assert Holding(outbox).repeat() == 1
    outbox.close()
    node.start()
    wait_until(lambda: node.states() == ["sent"], SETTLED, "it is delivered")


def test_a_route_without_a_key_does_not_look_into_tissue(tmp_path: Path, profile: Path) -> None:
    from dicomanon.config import load_config
    from dicomanon.node import Node

    config = tmp_path / "node.toml"
    text = (
        f'[node]\nport = 0\nspool = "spool"\n[[route]]\nname = "a"\nprofile = "{profile}"\n'
        f'destinations = ["file://{tmp_path}/out"]\n'
    )
    config.write_text(text)
    node = Node(load_config(config))
    with pytest.raises(ConfigError, match="hold_key"):
        node.start()
    node.stop()

    write_key(tmp_path / "hold.key")
    config.write_text(text.replace("[[route]]", 'hold_key = "hold.key"\n[[route]]'))
    node = Node(load_config(config))
    node.start()
    node.stop()


def test_a_pyramid_is_due_when_nothing_of_it_comes_any_more(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool")
    holding = Holding(outbox)
    now = time.time()

    def add(pyramid: str, received: float, route: str = "a") -> None:
        with outbox.change() as database:
            values = (route, pyramid, "i", "c", f"{pyramid}{received}", 1, received, "waiting")
            database.execute(
                "INSERT INTO held (route, pyramid, instance, content, file, size, received, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

    add("old", now - 100)
    add("old", now - 5)
    assert holding.due(["a"], 60.0) is None
    assert holding.due(["a"], 3.0) == ("a", "old")
    assert holding.due(["b"], 3.0) is None
    with holding.arriving("a", "old"):
        assert holding.due(["a"], 3.0) is None
    assert holding.due(["a"], 3.0) == ("a", "old")
    assert holding.due(["a"], 3.0, {("a", "old"): 1.0}) is None
    add("from the future", now + 1000)
    assert holding.due(["a"], 60.0) is None  # the clock was set back, and it may have come just now
    assert now - 1 <= float(str(outbox.rows("SELECT max(received) FROM held")[0][0])) <= time.time()
    assert holding.elsewhere(["b"]) == 3
    outbox.close()


def test_places_are_remembered_sealed_and_only_for_who_has_the_key(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool")
    holding = Holding(outbox)
    places = Places(
        ("1.2.3-study", "series"),
        ("1.2.3-frame", (0.0, -1.0, 0.0, -1.0, 0.0, 0.0)),
        (
            ("text", 0.9, (1.0, 2.0, 3.5, 4.25), (0.0, 0.0, 20.0, 20.0), "GARCIA"),
            ("barcode", 1.0, (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 20.0, 20.0), ""),
        ),
        frozenset(("1.2.3-uid", "1.2.3-uid.2")),
        (Seen(frozenset(("b'1' 0",)), (0.0, 0.0, 20.0, 20.0), 0.002),),
        ((0.0005, "b'1'"), (0.001, "b'1'")),
    )
    key, other = bytes(range(32)), bytes(32)

    bytes_of = {"1.2.3-uid": "one", "1.2.3-uid.2": "two"}
    holding.remember("a", "p", places, bytes_of, key)

    told = tuple((*each[:4], "") for each in places.found)
    silent = replace(places, found=told, all_uids=places.enough)
    assert holding.known("a", "p", bytes_of, key) == (silent,)
    assert holding.known("a", "p", bytes_of, other) == ()
    assert holding.known("b", "p", bytes_of, key) == ()
    (changed,) = holding.known("a", "p", {"1.2.3-uid": "others", "1.2.3-uid.2": "two"}, key)
    assert changed == replace(silent, enough=frozenset(("1.2.3-uid.2",)))
    outbox.close()
    assert not re.search(b"1\\.2\\.3-(study|frame|uid)", (tmp_path / "spool" / "outbox.sqlite").read_bytes())


def test_a_held_file_that_is_gone_is_damaged_and_not_a_crash(tmp_path: Path) -> None:
    from dicomanon.node.held import reopened

    (tmp_path / "x.held").write_bytes(bytes(100))
    with pytest.raises(MalformedError):
        reopened(tmp_path / "x.held", bytes(32), "held 1")
    with pytest.raises(FileNotFoundError):
        reopened(tmp_path / "y.held", bytes(32), "held 2")


def test_ink_in_the_planted_picture_is_where_the_test_says(levels: list[Written]) -> None:
    image = levels[0].image()
    dark = (image[INK.top : INK.bottom, INK.left : INK.right].max(axis=2) < 110).mean()

    assert dark > 0.03
    assert np.ptp(image) > 100
