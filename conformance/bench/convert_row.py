"""Vendor slides to DICOM: tiles that pass as they are, beside `cp`; pixels that have to be encoded; beside a peer."""

from __future__ import annotations

import io
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from PIL import Image

from conformance.bench.command import Run
from conformance.bench.compare import best_runs
from conformance.bench.figure import Figure
from conformance.bench.tools import COPY, PEERS_BIN, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDE = 240
"""Tiles as Aperio scanners cut them; of 7,200 bytes, so that 1 GB has 130,000."""
AIM = 4
OURS, PEER = "dicomanon convert", "wsidicomizer 0.26.1"
QUALITY = "80"
PROFILE = 'name = "jpeg"\nextends = "research-wsi"\n[slides]\nexact = "jpeg"\n'


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure a few tiles in JPEG, 100 MB and, unless `quick`, 1 GB; then tiles without loss that become JPEG."""
    found = []
    starts: dict[str, Run | str] = {}
    source = folder / "slide.svs"
    for megabytes in (0.1, 100) if quick else (0.1, 100, 1000):
        count = make_svs(source, int(megabytes * 1_000_000))
        tools = (COPY, _ours(OURS), _peer(PEER))
        runs = best_runs(source, tools, folder, rounds)
        source.unlink()
        measured = f"convert, {megabytes} MB, {count:,} tiles as they are"
        found += _lines(measured, runs, starts)
        starts = starts or runs
    source = folder / "slide.tiff"
    side = 4096 if quick else 16384
    make_exact(source, side)
    profile = folder / "jpeg.toml"
    profile.write_text(PROFILE)
    more = ("--profile", profile, "--quality", QUALITY)
    tools = (COPY, _ours(OURS, *more), _peer(PEER, *_ENCODED))
    runs = best_runs(source, tools, folder, rounds)
    source.unlink()
    return found + _lines(f"convert, {side} x {side} pixels in LZW, encoded as JPEG", runs, {})


_ENCODED = ("--source", "openslide", "--quality", QUALITY, "--tile-size", "256")


def _ours(name: str, *more: str | Path) -> Tool:
    program = Path(sys.executable).parent / "dicomanon"
    return Tool(
        name,
        lambda source, out: [program, "convert", source, "--out", out, "--no-sync", "--scope", "x", *more],
        copies=False,
    )


def _peer(name: str, *more: str) -> Tool:
    return Tool(
        name,
        lambda source, out: [
            PEERS_BIN / "wsidicomizer",
            *("-i", source, "-o", out / "slide", "--no-confidential", "--no-label", "--no-overview"),
            *more,
        ],
        copies=False,
    )


def make_svs(path: Path, size: int) -> int:
    """Write an SVS of about `size` bytes with levels 4 and 16 times smaller; return how many tiles it has."""
    tiles = [_tile(seed) for seed in range(16)]
    across = int((size / 1.07 / (sum(map(len, tiles)) / len(tiles))) ** 0.5)
    total = 0
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for factor in (1, 4, 16):
            side = across * SIDE // factor
            count = (-(-side // SIDE)) ** 2
            tiff.write(
                itertools.islice(itertools.cycle(tiles), count),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(SIDE, SIDE),
                photometric="ycbcr",
                subsampling=(2, 1),
                compression="jpeg",
                description=f"Aperio Image Library v12.0.15 \r\n{side}x{side} ({SIDE}x{SIDE})|AppMag = 20|MPP = 0.5",
                metadata=None,
                software=False,
            )
            total += count
            if factor == 1:
                tiff.write(
                    np.full((400, 400, 3), 200, np.uint8),
                    rowsperstrip=16,
                    photometric="rgb",
                    compression="jpeg",
                    description=f"Aperio Image Library v12.0.15 \r\n{side}x{side} -> 400x400 - |AppMag = 20|MPP = 0.5",
                    metadata=None,
                    software=False,
                )
    return total


def _tile(seed: int) -> bytes:
    """Return a tile with coarse colours."""
    coarse = np.random.default_rng(seed).integers(90, 256, (SIDE // 8, SIDE // 8, 3), np.uint8)
    image = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=32, subsampling="4:2:2")
    return buffer.getvalue()


def make_exact(path: Path, side: int) -> None:
    """Write a pyramid of tiles in LZW that was never compressed with loss."""
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for level in range(4):
            size = side >> 2 * level if level < 3 else 0
            if size < 256:
                break
            tiff.write(
                _texture(size),
                shape=(size, size, 3),
                dtype=np.uint8,
                tile=(256, 256),
                photometric="rgb",
                compression="lzw",
                resolution=(20_000, 20_000),
                resolutionunit="centimeter",
                subfiletype=1 if level else 0,
                metadata=None,
            )


def _texture(size: int) -> Iterator[np.ndarray]:
    """Yield tiles of a smooth picture with noise, a few different ones."""
    down, across = np.mgrid[0:256, 0:256]
    made = []
    for seed in range(8):
        noise = np.random.default_rng(seed).normal(0, 6, (256, 256, 1))
        waves = (np.sin(across / (9 + seed)) * np.cos(down / 13) * 40)[:, :, None]
        made.append(np.clip(np.array([205, 150, 190]) + waves + noise, 0, 255).astype(np.uint8))
    yield from itertools.islice(itertools.cycle(made), (-(-size // 256)) ** 2)


def _lines(measured: str, runs: dict[str, Run | str], starts: dict[str, Run | str]) -> list[Figure]:
    """Return a line a tool; `starts` are runs over a slide of a few tiles, which are left out of the ratio to `cp`."""
    copy, peer = runs[COPY.name], runs[PEER]
    found = []
    for name, run in runs.items():
        if isinstance(run, str):
            found.append(Figure(measured, name, note=run))
            continue
        start = starts.get(name)
        notes, ratio = [], None
        if name != COPY.name and isinstance(start, Run) and isinstance(copy, Run):
            ratio = (run.seconds - start.seconds) / copy.seconds
            notes.append(f"of cp beside the start of {start.seconds:.2f} s; the aim is {AIM}")
        if name == OURS and isinstance(peer, Run):
            notes.append(f"{peer.seconds / run.seconds:.1f} times as fast as {PEER}")
        found.append(Figure(measured, name, run.seconds, run.peak_mb, ratio=ratio, note="; ".join(notes)))
    return found
