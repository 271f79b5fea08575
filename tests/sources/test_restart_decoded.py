"""JPEG of kinds that DICOM has no transfer syntax for: progressive ones are decoded, others refused by their reason."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from PIL import Image as Picture

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, open_slide
from dicomanon.sources._restart_decoded import tiled
from dicomanon.sources._restart_head import read_coding
from tests.hamamatsu_slides import COMMENT, Shape, jpeg, make_ndpi, make_vms, texture
from tests.peers import dciodvfy
from tests.sources.test_hamamatsu import frames_of
from tests.sources.test_hamamatsu_damage import overwritten

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.sources import SlideSource


def progressive(columns: int, rows: int, *, gray: bool = False) -> bytes:
    """Return a JPEG of several scans with a comment."""
    made = io.BytesIO()
    pixels = texture(columns, rows)
    Picture.fromarray(pixels[:, :, 0] if gray else pixels).save(
        made, "JPEG", quality=80, progressive=True, comment=COMMENT
    )
    return made.getvalue()


def ndpi_of(path: Path, stream: bytes, shape: Shape) -> Path:
    """Write an NDPI whose base level is another JPEG."""
    make_ndpi(path, shape)
    at = path.stat().st_size
    with path.open("ab") as file:
        file.write(stream)
    overwritten(path, 273, at.to_bytes(4, "little"))
    return overwritten(path, 279, len(stream).to_bytes(4, "little"))


def check_decoded(slide: SlideSource, stream: bytes) -> None:
    """Check that the base level is what a JPEG decodes to, white beyond."""
    base = slide.levels[0]
    assert isinstance(base, PixelImage)
    assert "no transfer syntax" in base.why
    whole = imagecodecs.jpeg8_decode(stream).reshape(base.rows, base.columns, base.samples)
    found = base.read(Region(0, 0, base.columns + 8, base.rows + 8))
    assert np.array_equal(found[: base.rows, : base.columns], whole)
    assert found[base.rows :].min() == found[:, base.columns :].min() == 255
    assert base.losses[0].size == len(stream)


@pytest.mark.parametrize("gray", [False, True])
def test_the_head_of_a_progressive_jpeg_is_no_damage(*, gray: bool) -> None:
    coding = read_coding(progressive(64, 48, gray=gray))
    assert (coding.head.process, coding.head.columns, coding.head.rows) == (0xC2, 64, 48)
    assert coding.components == ()


def test_a_sequential_jpeg_still_needs_its_tables() -> None:
    stream = jpeg(texture(64, 48), Shape())
    at = stream.index(b"\xff\xc4")
    stop = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    with pytest.raises(CorruptSlideError, match="table"):
        read_coding(stream[:at] + stream[stop:])


def test_a_progressive_level_of_an_ndpi_is_decoded_in_tiles_of_the_others(tmp_path: Path) -> None:
    stream = progressive(640, 400)
    path = ndpi_of(tmp_path / "slide.ndpi", stream, Shape())
    with open_slide(path) as slide:
        check_decoded(slide, stream)
        other = frames_of(slide.levels[1])
        assert slide.levels[0].tile == (other.tile_rows, other.tile_columns)  # type: ignore[union-attr]


def test_progressive_files_of_a_vms_are_decoded(tmp_path: Path) -> None:
    path = make_vms(tmp_path / "slide.vms")
    stream = progressive(640, 400)
    (tmp_path / "slide_0_0.jpg").write_bytes(stream)
    (tmp_path / "slide_map.jpg").write_bytes(progressive(64, 40))
    (tmp_path / "slide_macro.jpg").write_bytes(progressive(320, 120))
    with open_slide(path) as slide:
        check_decoded(slide, stream)
        assert [(image.columns, image.rows) for image in slide.images] == [(640, 400), (64, 40), (320, 120)]
        assert all(isinstance(image, PixelImage) for image in slide.images)


@pytest.mark.parametrize("kind", ["ndpi", "vms"])
def test_a_progressive_slide_is_valid_and_carries_no_comment(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"slide.{kind}"
    if kind == "ndpi":
        ndpi_of(path, progressive(640, 400), Shape())
    else:
        make_vms(path)
        (tmp_path / "slide_0_0.jpg").write_bytes(progressive(640, 400))
    assert COMMENT in path.read_bytes() + b"".join(each.read_bytes() for each in tmp_path.glob("*.jpg"))
    options = ConvertOptions()
    with prepared(path, options, tmp_path) as slide:
        for number, instance in enumerate(instances(slide, options)):
            file = tmp_path / f"{number}.dcm"
            write_identified(instance, file)
            assert dciodvfy(file) == []
            assert COMMENT not in file.read_bytes()


def test_several_progressive_files_beside_each_other_are_refused_by_their_reason(tmp_path: Path) -> None:
    path = make_vms(tmp_path / "slide.vms", ((320, 320), (200,)))
    (tmp_path / "slide_1_0.jpg").write_bytes(progressive(320, 200))
    with pytest.raises(SlideError, match="no transfer syntax") as raised:
        open_slide(path)
    assert not isinstance(raised.value, CorruptSlideError)


@pytest.mark.parametrize(("marker", "bits"), [(b"\xff\xc3", 8), (b"\xff\xc9", 8), (b"\xff\xc1", 12)])
def test_a_jpeg_that_nobody_decodes_is_refused_by_its_reason(
    tmp_path: Path, marker: bytes, bits: int
) -> None:
    path = make_vms(tmp_path / "slide.vms")
    file = tmp_path / "slide_0_0.jpg"
    stream = file.read_bytes()
    at = stream.index(b"\xff\xc0")
    file.write_bytes(stream[:at] + marker + stream[at + 2 : at + 4] + bytes((bits,)) + stream[at + 5 :])
    with pytest.raises(SlideError, match="not supported") as raised:
        open_slide(path)
    assert not isinstance(raised.value, CorruptSlideError)


def test_a_progressive_jpeg_too_large_to_be_held_is_refused_by_its_reason(tmp_path: Path) -> None:
    stream = bytearray(progressive(64, 40))
    at = stream.index(b"\xff\xc2") + 5
    stream[at : at + 4] = (9000).to_bytes(2, "big") + (14400).to_bytes(2, "big")
    path = make_vms(tmp_path / "slide.vms")
    (tmp_path / "slide_0_0.jpg").write_bytes(stream)
    with pytest.raises(SlideError, match="too large") as raised:
        open_slide(path)
    assert not isinstance(raised.value, CorruptSlideError)


def test_a_progressive_jpeg_that_is_damaged_is_damage_when_it_is_read(tmp_path: Path) -> None:
    stream = progressive(640, 400)
    path = make_vms(tmp_path / "slide.vms")
    second = stream.index(b"\xff\xda", stream.index(b"\xff\xda") + 2)
    (tmp_path / "slide_0_0.jpg").write_bytes(stream[: second + 4] + b"\xff\xc0\0\0" * 64 + b"\xff\xd9")
    with open_slide(path) as slide:
        base = slide.levels[0]
        assert isinstance(base, PixelImage)
        with pytest.raises(CorruptSlideError):
            base.read(Region(0, 0, 64, 64))


def test_tiles_of_other_levels_are_not_taken_where_they_are_huge(tmp_path: Path) -> None:
    make_vms(tmp_path / "slide.vms")
    (tmp_path / "slide_0_0.jpg").write_bytes(progressive(640, 400))
    with open_slide(tmp_path / "slide.vms") as slide:
        base = slide.levels[0]
        assert isinstance(base, PixelImage)
        assert tiled(base, (128, 61440)) is tiled(base, None) is base
        assert tiled(base, (400, 640)).tile == (400, 640)


def test_a_level_of_one_frame_has_the_size_of_its_jpeg_where_tags_are_rounded(tmp_path: Path) -> None:
    path = make_ndpi(tmp_path / "slide.ndpi", Shape(restarts=False))
    overwritten(path, 257, (399).to_bytes(4, "little"))
    with open_slide(path) as slide:
        assert [(level.columns, level.rows) for level in slide.levels] == [(640, 400), (320, 200)]
    overwritten(path, 257, (380).to_bytes(4, "little"))
    with pytest.raises(SlideError):
        open_slide(path)
