"""Levels of a slide cut into frames of one size: every interval as it was, pixels as they are, all levels shown."""

from __future__ import annotations

import io
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pytest
import wsidicom
from PIL import Image as Picture

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, open_slide
from dicomanon.sources._bytes import open_bytes
from dicomanon.sources._restart import Place, read_stream
from dicomanon.sources._restart_cut import cut, cut_levels
from dicomanon.sources._restart_intervals import Intervals, read_intervals
from dicomanon.sources._restart_tile import MAX_BAND, largest, shared_tile
from dicomanon.sources._slide import BRIGHTFIELD, OpticalPath
from tests.hamamatsu_slides import Shape, intervals, jpeg, make_ndpi, make_vms, texture
from tests.sources.test_hamamatsu import MADE, REAL, frames_of, inside, pixels_of, stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._slide import SlideImage

VMS = "synthetic/synthetic-vms.vms"
TRITC = OpticalPath(fluorescence=True, emission=622)


@dataclass(frozen=True, slots=True)
class Level:
    """A JPEG of its own; `interval` is pixels that an interval is wide."""

    columns: int
    rows: int
    interval: int
    subsampling: str = "4:4:4"
    gray: bool = False

    def encoded(self) -> bytes:
        """Return the level as JPEG with restart markers."""
        pixels = texture(self.columns, self.rows, self.columns)
        made = io.BytesIO()
        wide = 8 if self.gray or self.subsampling == "4:4:4" else 16
        Picture.fromarray(pixels[:, :, 0] if self.gray else pixels).save(
            made,
            "JPEG",
            quality=80,
            subsampling=-1 if self.gray else self.subsampling,
            restart_marker_blocks=self.interval // wide,
        )
        return made.getvalue()


@contextmanager
def known(path: Path, stream: bytes, level: Level) -> Iterator[Intervals]:
    """Give the intervals of a JPEG in a file."""
    path.write_bytes(stream)
    file = open_bytes(path)
    try:
        found = read_intervals(read_stream(file, 0, file.size), level.columns, level.rows, None)
        assert found is not None
        yield found
    finally:
        file.close()


def check_intervals(image: SlideImage, stream: bytes, wide: int) -> None:
    """Check that each frame has the intervals of its place, and where there are none, always the same one."""
    whole = intervals(stream)
    across = -(-image.columns // wide)
    down = len(whole) // across
    joined, frames = image.tile_columns // wide, -(-image.columns // image.tile_columns)
    seen = set()
    for number, frame in enumerate(image.frames()):
        own = intervals(frame)
        height, left = divmod(len(own), joined)
        assert not left
        for at, interval in enumerate(own):
            row, column = number // frames * height + at // joined, number % frames * joined + at % joined
            if row < down and column < across:
                assert interval == whole[row * across + column]
                seen.add(row * across + column)
            else:
                assert interval == own[-1]
    assert len(seen) == len(whole)


@pytest.mark.parametrize(("name", "widths"), [(REAL, (3968, 1984, 992, 496)), (MADE, (512, 512, 256))])
def test_intervals_of_frames_are_those_of_the_file(corpus: Path, name: str, widths: Sequence[int]) -> None:
    path = corpus / "slides" / name
    with open_slide(path) as slide:
        for level, stream, wide in zip(slide.levels, stored(path), widths, strict=True):
            check_intervals(frames_of(level), stream, wide)


@pytest.mark.parametrize("name", [REAL, MADE, VMS])
def test_all_levels_of_a_slide_have_tiles_of_one_size(corpus: Path, name: str) -> None:
    with open_slide(corpus / "slides" / name) as slide:
        assert len(slide.levels) > 1
        assert len({(level.tile_columns, level.tile_rows) for level in map(frames_of, slide.levels)}) == 1


@pytest.mark.parametrize("name", [REAL, MADE, VMS, "made", "planes"])
def test_a_strict_viewer_shows_all_levels_with_their_pixels(corpus: Path, tmp_path: Path, name: str) -> None:
    path = corpus / "slides" / name
    if name in ("made", "planes"):
        depths = (-2000, 0) if name == "planes" else (0,)
        path = make_ndpi(tmp_path / "slide.ndpi", Shape(columns=1280, rows=800, levels=3, depths=depths))
    options = ConvertOptions(levels="keep")
    with prepared(path, options, tmp_path) as slide:
        for number, instance in enumerate(instances(slide, options)):
            write_identified(instance, tmp_path / f"{number}.dcm")
    with open_slide(path) as opened:
        sizes = [(level.columns, level.rows) for level in opened.levels]

    with wsidicom.WsiDicom.open(list(tmp_path.glob("*.dcm"))) as shown, openslide.OpenSlide(path) as peer:
        levels = list(shown.pyramids[0])
        assert [(level.size.width, level.size.height) for level in levels] == sizes
        for level, size in zip(levels, sizes, strict=True):
            highest = max(
                level.focal_planes
            )  # of two planes that with the depth 0, which the other reader shows
            found = np.asarray(shown.read_region((0, 0), level.level, size, z=highest)).astype(int)
            number = peer.level_dimensions.index(size)
            before = np.asarray(peer.read_region((0, 0), number, size))[:, :, :3].astype(int)
            apart = np.abs(found - before)[:, inside(size[0], 256)]
            # Two decoders round colour differently; one that is subsampled they also smooth differently.
            assert apart.max() <= (2 if name in (REAL, "made", "planes") else 40)
            assert apart.mean() < 1


CASES: dict[str, tuple[list[Level], tuple[int, int]]] = {
    "each half as wide": ([Level(1280, 300, 256), Level(640, 150, 128), Level(320, 75, 64)], (304, 512)),
    "the same everywhere": ([Level(1280, 300, 80), Level(640, 150, 80), Level(320, 75, 80)], (304, 560)),
    "a common multiple": ([Level(960, 200, 96), Level(640, 133, 128)], (200, 768)),
    "wider than the base": ([Level(640, 200, 64), Level(640, 100, 640)], (200, 640)),
    "one interval a row": ([Level(1000, 200, 1000), Level(504, 100, 504)], (200, 1000)),
    "a multiple that is too wide": ([Level(1000, 200, 1000), Level(1008, 201, 1008)], (200, 1000)),
    "other blocks": ([Level(640, 200, 160, "4:2:0"), Level(320, 100, 80)], (208, 640)),
    "other blocks below": ([Level(640, 200, 160), Level(320, 100, 80, "4:2:0")], (208, 640)),
    "gray": ([Level(640, 200, 320, gray=True), Level(320, 100, 80, gray=True)], (200, 640)),
    "several rows": ([Level(160, 2500, 80), Level(80, 1250, 80)], (840, 160)),
}
ALONE = {"one interval a row": {1}, "a multiple that is too wide": {1}}
"""Levels whose intervals have no common multiple with those of the base that a frame could be as wide as."""


@pytest.mark.parametrize("path", [BRIGHTFIELD, TRITC])
@pytest.mark.parametrize("case", CASES)
def test_levels_have_frames_of_one_size_where_intervals_agree(
    tmp_path: Path, case: str, path: OpticalPath
) -> None:
    levels, tile = CASES[case]
    with ExitStack() as stack:
        streams = [level.encoded() for level in levels]
        places = [
            ([[[stack.enter_context(known(tmp_path / str(number), stream, level))]]], place_of(level, path))
            for number, (stream, level) in enumerate(zip(streams, levels, strict=True))
        ]
        shared, images = cut_levels(places)
        assert shared == tile
        for number, (image, stream, level) in enumerate(zip(images, streams, levels, strict=True)):
            assert image is not None
            assert ((image.tile_rows, image.tile_columns) == tile) != (number in ALONE.get(case, ()))
            assert [len(frame) for frame in image.frames()] == list(image.frame_lengths)
            check_intervals(image, stream, level.interval)
            check_pixels(image, stream, level)


def place_of(level: Level, path: OpticalPath = BRIGHTFIELD) -> Place:
    """Return where a level belongs."""
    return Place(flavor="VOLUME", columns=level.columns, rows=level.rows, spacing=None, path=path)


def check_pixels(image: SlideImage, stream: bytes, level: Level) -> None:
    """Check pixels beside those of the JPEG, and what is beyond them."""
    found = pixels_of(image)
    whole = imagecodecs.jpeg8_decode(stream).reshape(level.rows, level.columns, -1)
    margin = 0 if level.subsampling == "4:4:4" else 2
    inner = np.ix_(
        inside(level.rows, image.tile_rows, margin), inside(level.columns, image.tile_columns, margin)
    )
    assert np.array_equal(found[: level.rows, : level.columns][inner], whole[inner])
    block = 16 if level.subsampling == "4:2:0" else 8
    ground = 0 if image.paths[0].fluorescence else 255
    right = found[:, -(-level.columns // level.interval) * level.interval + margin :]
    below = found[-(-level.rows // block) * block + margin :]
    for beyond in (right, below):
        assert not beyond.size or beyond.min() == beyond.max() == ground


def test_streams_beside_each_other_are_not_joined_across_their_edge(tmp_path: Path) -> None:
    first, second = Level(480, 200, 160), Level(320, 200, 160)
    with (
        known(tmp_path / "0", first.encoded(), first) as left,
        known(tmp_path / "1", second.encoded(), second) as right,
    ):
        tile = shared_tile([[[[left, right]]]], (200, 800))
        assert tile == (200, 480)
        assert cut([[[left, right]]], place_of(Level(800, 200, 160)), (200, 640)) is None
        assert cut([[[left, right]]], place_of(Level(800, 200, 160)), (200, 100)) is None
        found = pixels_of(cut([[[left, right]]], place_of(Level(800, 200, 160)), tile))
    assert np.array_equal(found[:200, :480], imagecodecs.jpeg8_decode(first.encoded()))
    assert np.array_equal(found[:200, 480:800], imagecodecs.jpeg8_decode(second.encoded()))


def test_a_row_of_frames_is_never_more_than_can_be_held(tmp_path: Path) -> None:
    level = Level(640, 1024, 160)
    with known(tmp_path / "0", level.encoded(), level) as found:
        assert shared_tile([[[[found]]]], (1024, 640)) == (1024, 640)
        each = (
            MAX_BAND // 400
        )  # bytes of an interval: a hundred rows of four of them are as many as can be held
        starts = np.arange(len(found.starts)) * each
        huge = Intervals(found.stream, starts, found.across, found.down, found.columns, found.rows)
        tile = shared_tile([[[[huge]]]], (1024, 640))
        assert tile == (512, 640)
        assert largest(huge, tile[0] // 8) <= MAX_BAND < largest(huge, 128)
        small = Intervals(found.stream, starts, found.across, found.down, found.columns, found.rows)
        assert shared_tile([[[[found]]], [[[small]]]], (1024, 640)) == (512, 640)


@pytest.mark.parametrize("marker", [b"\xff\xd3", b"\xff\x00", b"\xff\xd9", b"\x12\xd1"])
def test_a_marker_of_another_number_is_damage_in_every_frame_of_its_row(
    tmp_path: Path, marker: bytes
) -> None:
    level = Level(640, 200, 80)
    stream = level.encoded()
    path = tmp_path / "0"
    with known(path, stream, level) as found:
        image = cut([[[found]]], place_of(level), (64, 320))
        assert image is not None
        frames = list(image.frames())
        at = int(found.starts[10]) - 2
        assert stream[at : at + 2] == b"\xff\xd1"
        path.write_bytes(stream[:at] + marker + stream[at + 2 :])
        for number in range(2):
            with pytest.raises(CorruptSlideError, match="marker"):
                list(image.frames(number, number + 1))
        assert list(image.frames(2)) == frames[2:]


def test_pixels_that_are_put_together_get_tiles_of_the_size_of_the_map(tmp_path: Path) -> None:
    path = make_vms(tmp_path / "slide.vms", ((320, 320), (204, 150)))
    with open_slide(path) as slide:
        base, small = slide.levels
        assert isinstance(base, PixelImage)
        small = frames_of(small)
        assert base.tile == (small.tile_rows, small.tile_columns) == (360, 512)
        found = base.read(Region(0, 0, 512, 360))
    assert found[:204, :320].tobytes() == decoded_file(tmp_path / "slide_0_0.jpg").tobytes()


def test_a_map_that_is_one_interval_is_one_frame(tmp_path: Path) -> None:
    path = make_vms(tmp_path / "slide.vms")
    stream = jpeg(texture(64, 40), Shape(restarts=False))
    (tmp_path / "slide_map.jpg").write_bytes(stream)
    with open_slide(path) as slide:
        small = frames_of(slide.levels[1])
        assert (small.tile_rows, small.tile_columns) == (40, 64)
        (frame,) = small.frames()
    assert intervals(frame) == intervals(stream)


def decoded_file(path: Path) -> NDArray[Any]:
    """Return the pixels of a JPEG."""
    return imagecodecs.jpeg8_decode(path.read_bytes())
