"""Files cut off, overlong, random and made to hurt: a named error with its place, and no file left behind."""

from __future__ import annotations

import io
import os
import random
import resource
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import DicomanonError, MalformedError, StorageError, UnsupportedError
from dicomanon.part10.read import Limits, read_instance
from dicomanon.part10.write import aside_file
from dicomanon.pipeline import Cleared, Quarantined, clear, write
from tests.part10.building import (
    BIG,
    CANARY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    UNDEFINED,
    UNREADABLE,
    Coding,
    encapsulated,
    file_of,
    native,
    sent,
    sized,
    slide_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.part10.readers import Buffer
    from dicomanon.pipeline import Route

FRAME = b"\xff\xd8\xff\xfe\0\x0c" + CANARY + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(range(100)) + b"\xff\xd9"


class _Nowhere:
    def write(self, data: Buffer, /) -> None:
        """Take all of it."""


def _a_sequence(coding: Coding) -> dict[int, bytes]:
    items = [coding.code("12710003", "stain", coding.element(0x00100010, b"PN", CANARY))] * 2
    return {0x00400518: coding.sequence(0x00400518, items, defined=False, defined_items=False)}


def _files() -> Iterator[tuple[str, bytes]]:
    for syntax in (IMPLICIT, EXPLICIT, BIG, DEFLATED):
        yield syntax, slide_file(syntax, _a_sequence(Coding(syntax)))
    padding = Coding(JPEG).element(0xFFFCFFFC, b"OB", CANARY)
    yield JPEG, slide_file(JPEG, _a_sequence(Coding(JPEG)), pixels=encapsulated(FRAME, FRAME) + padding)


FILES = dict(_files())


def _through(data: bytes, route: Route) -> None:
    instance = read_instance(io.BytesIO(data))
    write(route.deidentifier(instance), _Nowhere())


@pytest.mark.parametrize("syntax", FILES)
def test_a_file_cut_off_at_any_byte_is_a_named_error_with_its_offset(syntax: str, route: Route) -> None:
    data = FILES[syntax]
    _through(data, route)
    whole = 0
    for size in range(len(data)):
        try:
            _through(data[:size], route)
        except (MalformedError, UnsupportedError) as error:
            assert error.offset is not None or error.tag is not None, (size, error)  # noqa: PT017
            assert CANARY.decode() not in str(error)  # noqa: PT017
        else:
            whole += 1
    # A cut between two elements leaves a data set that ends where one may: an instance without Pixel Data,
    # or without its padding.
    assert whole < 30


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, JPEG])
def test_a_file_cut_off_leaves_no_file_in_the_outbox(syntax: str, route: Route, tmp_path: Path) -> None:
    data = FILES[syntax]
    for size in range(0, len(data), 23):
        outcome = sent(data[:size], route, tmp_path / "out")
        if isinstance(outcome, Cleared):
            outcome.path.unlink()
        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, JPEG])
def test_every_length_made_longer_is_refused_or_harmless(syntax: str, route: Route) -> None:
    data = FILES[syntax]
    order = "big" if syntax == BIG else "little"
    for at in range(132, len(data) - 4):
        if data[at : at + 2] in (b"\x06\0", b"\0\x06") or at % 13 == 0:
            for length in (0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x10000):
                damaged = data[:at] + length.to_bytes(4, order) + data[at + 4 :]  # type: ignore[arg-type]
                try:
                    _through(damaged, route)
                except DicomanonError as error:
                    assert error.reason in UNREADABLE | {"refused"}  # noqa: PT017


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x80000000, 25])
def test_overlong_pixel_data_is_refused_with_what_was_missing(
    length: int, route: Route, tmp_path: Path
) -> None:
    coding = Coding(EXPLICIT)
    pixels = coding.head(0x7FE00010, b"OW", length) + bytes(24)

    outcome = sent(slide_file(EXPLICIT, pixels=pixels), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"
    assert "offset 24" in outcome.message


def test_an_overlong_fragment_is_refused(route: Route, tmp_path: Path) -> None:
    for length in (0xFFFFFFFE, len(FRAME) + 1, 0x7FFFFFFF):
        pixels = bytearray(encapsulated(FRAME))
        pixels[24:28] = length.to_bytes(4, "little")
        outcome = sent(slide_file(JPEG, pixels=bytes(pixels)), route, tmp_path / "out")
        assert isinstance(outcome, Quarantined)
        assert outcome.reason == "malformed"


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_refused_quickly(seed: int, route: Route, tmp_path: Path) -> None:
    made = random.Random(seed)
    data = made.randbytes(made.choice([0, 1, 7, 131, 132, 140, 4096, 300_000]))
    start = time.monotonic()

    for whole in (
        data,
        bytes(128) + b"DICM" + data,
        file_of(EXPLICIT, data),
        file_of(DEFLATED, data),
        file_of(JPEG, data),
    ):
        outcome = sent(whole, route, tmp_path / "out")
        assert isinstance(outcome, Quarantined)
        assert outcome.reason in UNREADABLE

    assert time.monotonic() - start < 10


def test_random_bytes_behind_a_good_header_are_refused(route: Route, tmp_path: Path) -> None:
    made = random.Random(1)
    for size in (1, 8, 9, 12, 4096, 1 << 20):
        for front in (encapsulated(FRAME)[:-8], encapsulated(FRAME), native(Coding(EXPLICIT))):
            syntax = EXPLICIT if front.startswith(native(Coding(EXPLICIT))) else JPEG
            outcome = sent(slide_file(syntax, pixels=front + made.randbytes(size)), route, tmp_path / "out")
            assert isinstance(outcome, Quarantined)
            assert outcome.reason == "malformed"


def test_a_header_larger_than_the_limit_is_refused() -> None:
    coding = Coding(EXPLICIT)
    blob = {0x00091001: coding.element(0x00091001, b"UN", bytes(1 << 20))}

    with pytest.raises(MalformedError, match="limit"):
        read_instance(io.BytesIO(slide_file(EXPLICIT, blob)), limits=Limits(header=1 << 18))


def test_a_source_that_fails_leaves_nothing(route: Route, tmp_path: Path) -> None:
    class Torn(io.BytesIO):
        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
            if self.tell() > 1 << 19:
                raise MalformedError("the sender went away")
            return super().readinto(buffer[: 1 << 16])

    data = slide_file(JPEG, pixels=encapsulated(FRAME + bytes(1 << 20)))
    outcome = clear(lambda: read_instance(Torn(data)), route, tmp_path)

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_files() -> Iterator[int]:
    """Let no file of this process grow over 300 KiB."""
    size = 300 << 10
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield size
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("form", ["native", "fragments", "header"])
def test_a_write_that_fails_is_a_storage_error_and_leaves_nothing(
    form: str, route: Route, tmp_path: Path, small_files: int
) -> None:
    coding = Coding(EXPLICIT)
    files = {
        "native": slide_file(
            EXPLICIT,
            sized(coding, 4 * small_files),
            pixels=native(coding, bytes(4 * small_files)),
        ),
        "fragments": slide_file(JPEG, pixels=encapsulated(*[FRAME + bytes(small_files)] * 4)),
        "header": slide_file(
            EXPLICIT, {0x00400518: coding.sequence(0x00400518, [coding.code("433466003", "Slide")] * 9000)}
        ),
    }

    with pytest.raises(StorageError) as raised:
        clear(lambda: read_instance(io.BytesIO(files[form])), route, tmp_path)

    assert "EFBIG" in str(raised.value)
    assert str(tmp_path) not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of one mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=False, capture_output=True
    )
    if not done or done.returncode:
        pytest.skip("no right to mount a small file system; the test with a file size limit stands for it")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(small_disk: Path, route: Route) -> None:
    pixels = encapsulated(*[FRAME + bytes(1 << 18)] * 16)

    with pytest.raises(StorageError) as raised:
        clear(lambda: read_instance(io.BytesIO(slide_file(JPEG, pixels=pixels))), route, small_disk)

    assert "ENOSPC" in str(raised.value)
    assert list(small_disk.iterdir()) == []
    small = slide_file(JPEG, pixels=encapsulated(FRAME))
    assert isinstance(clear(lambda: read_instance(io.BytesIO(small)), route, small_disk), Cleared)


def test_a_folder_that_is_not_there_is_a_storage_error(route: Route, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        clear(lambda: read_instance(io.BytesIO(FILES[EXPLICIT])), route, tmp_path / "missing")


def test_an_error_in_the_block_removes_the_file_that_was_being_written(tmp_path: Path) -> None:
    def interrupted() -> None:
        with aside_file(tmp_path) as out:
            out.write(b"half of it")
            assert len(list(tmp_path.iterdir())) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_closed_is_a_storage_error_and_removed(tmp_path: Path) -> None:
    def closed_too_early() -> None:
        with aside_file(tmp_path) as out:
            os.close(out.fileno())

    with pytest.raises(StorageError, match="EBADF"):
        closed_too_early()

    assert list(tmp_path.iterdir()) == []


def test_a_file_being_written_is_hidden_and_for_its_owner_only(tmp_path: Path) -> None:
    with aside_file(tmp_path) as out:
        assert out.path.name.startswith(".")
        assert out.path.stat().st_mode & 0o777 == 0o600


def test_an_instance_of_undefined_length_elements_only_is_refused_where_it_starts(route: Route) -> None:
    coding = Coding(EXPLICIT)
    with pytest.raises(MalformedError) as raised:
        _through(file_of(EXPLICIT, coding.head(0x00081115, b"SQ", UNDEFINED) * 100), route)

    assert raised.value.offset is not None
