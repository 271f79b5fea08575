"""Two hundred damaged files, each sent the whole way: every one ends in a named outcome, and no canary gets out."""

from __future__ import annotations

import io
import random
import time
from typing import TYPE_CHECKING

import pytest

from dicomanon import errors
from dicomanon.part10.read import read_instance
from dicomanon.pipeline import Cleared, Dropped, Quarantined, clear, make_route
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from tests.canary import findings, make_canary_slide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dicomanon.pipeline import Route
    from tests.canary import CanarySlide

MUTATED, FROM_CORPUS = 200, 60
SECONDS_EACH = 5.0
LARGEST = 1 << 20
FRONT = 12_000
"""Most damage is done to the front, where the elements are."""


def _all_classes(root: type[errors.DicomanonError]) -> Iterator[type[errors.DicomanonError]]:
    yield root
    for below in root.__subclasses__():
        yield from _all_classes(below)


REASONS = frozenset(kind.reason for kind in _all_classes(errors.InstanceError))
POLICIES = frozenset(("flavour", "pixels"))


def _change(data: bytearray, at: int, made: random.Random) -> None:
    data[at] = made.randrange(256)


def _flip(data: bytearray, at: int, made: random.Random) -> None:
    data[at] ^= 1 << made.randrange(8)


def _lengthen(data: bytearray, at: int, made: random.Random) -> None:
    data[at : at + 4] = made.choice((b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\0\0\0\x80", b"\0\1\0\0"))


def _empty(data: bytearray, at: int, made: random.Random) -> None:
    size = made.randrange(1, 9)
    data[at : at + size] = bytes(size)


def _remove(data: bytearray, at: int, made: random.Random) -> None:
    del data[at : at + made.randrange(1, 40)]


def _insert(data: bytearray, at: int, made: random.Random) -> None:
    data[at:at] = made.randbytes(made.randrange(1, 40))


def _cut(data: bytearray, at: int, _made: random.Random) -> None:
    del data[at:]


KINDS: tuple[Callable[[bytearray, int, random.Random], None], ...] = (
    *(_change, _change, _flip, _flip, _flip, _lengthen, _empty, _remove, _insert, _cut),
)


def mutated(data: bytes, made: random.Random) -> bytes:
    """Return the file damaged in one to four places, or cut off anywhere."""
    out = bytearray(data)
    for _ in range(made.choice((1, 1, 1, 2, 4))):
        if not out:
            break
        front = made.random() < 0.8
        made.choice(KINDS)(out, made.randrange(min(len(out), FRONT) if front else len(out)), made)
    return bytes(out)


def _outcome(data: bytes, route: Route, folder: Path) -> bytes | None:
    """Send a file the way out; return what left, if anything did, having checked everything else."""
    start = time.monotonic()
    outcome = clear(lambda: read_instance(io.BytesIO(data)), route, folder)
    assert time.monotonic() - start < SECONDS_EACH

    if isinstance(outcome, Cleared):
        assert list(folder.iterdir()) == [outcome.path]
        written = outcome.path.read_bytes()
        outcome.path.unlink()
        assert read_instance(io.BytesIO(written)).header
        return written
    assert list(folder.iterdir()) == []
    if isinstance(outcome, Dropped):
        assert outcome.reason in POLICIES
    else:
        assert isinstance(outcome, Quarantined)
        assert outcome.reason in REASONS | POLICIES, outcome
    return None


@pytest.fixture(scope="module")
def route() -> Route:
    return make_route(
        "test", load_profile("research-wsi"), Pseudonymizer(bytes(range(32))), scope="test", durable=False
    )


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> CanarySlide:
    return make_canary_slide(tmp_path_factory.mktemp("slide"))


def test_the_undamaged_slide_leaves_without_a_canary(
    slide: CanarySlide, route: Route, tmp_path: Path
) -> None:
    left = [_outcome(path.read_bytes(), route, tmp_path) for path in slide.files]

    assert [written is not None for written in left] == [True, True, True, False, False]
    assert findings(filter(None, left), slide) == []


@pytest.mark.parametrize("seed", range(10))
def test_damaged_slides_are_cleared_without_a_canary_or_end_in_a_named_reason(
    seed: int, slide: CanarySlide, route: Route, tmp_path: Path
) -> None:
    made = random.Random(seed)
    files = [path.read_bytes() for path in slide.files]
    cleared = 0
    for number in range(MUTATED // 10):
        data = mutated(files[number % len(files)], made)
        written = _outcome(data, route, tmp_path)
        if written is not None:
            cleared += 1
            assert findings([written], slide) == [], (seed, number)

    assert cleared < MUTATED // 10


@pytest.mark.parametrize("share", range(0, 100, 5))
def test_a_slide_cut_off_anywhere_never_leaves_a_canary(
    share: int, slide: CanarySlide, route: Route, tmp_path: Path
) -> None:
    data = slide.files[2].read_bytes()

    written = _outcome(data[: len(data) * share // 100], route, tmp_path)

    assert written is None or findings([written], slide) == []


def test_damaged_files_of_others_end_in_a_named_outcome(corpus: Path, route: Route, tmp_path: Path) -> None:
    paths = [path for path in sorted((corpus / "dicom").rglob("*.dcm")) if path.stat().st_size < LARGEST]
    assert paths
    made = random.Random(len(paths))

    sizes = []
    for path in made.choices(paths, k=FROM_CORPUS):
        written = _outcome(mutated(path.read_bytes(), made), route, tmp_path)
        sizes.append(len(written or b""))

    assert len(sizes) == FROM_CORPUS
