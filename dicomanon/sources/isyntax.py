"""Philips iSyntax: a DPUfsImport document, the byte 4, then wavelets that a process of its own decodes.

The decoder is a C library that damage can crash; what it takes down with it must not be this process.
"""

from __future__ import annotations

import os
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Lock, Timer
from typing import IO, TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _philips_xml
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._pyramid import fingerprint
from dicomanon.sources._slide import Lossy, PixelImage, Region, SlideFormat, SlideSource

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor

_PREFIX = "header"
_END = b"\x04"
_FRONT = 1 << 12
_LARGEST = 1 << 26
_METHOD = "PHILIPS_DP_1_0"
"""Lossy Image Compression Method as these files themselves call it."""
_COUNT, _LEVEL, _REQUEST = struct.Struct("=q"), struct.Struct("=qqqdd"), struct.Struct("=qqqqq")
_MOST_LEVELS = 32
_SECONDS = 120.0
"""What the decoder may take for one region."""
_CACHE = 200
"""Tiles that the decoder holds."""
_MEMORY = 8 << 30
"""Bytes of addresses that the decoder may ask for."""


def _detect(peek: Peek) -> bool:
    front = peek.front[:_FRONT]
    marked = front.lstrip().startswith(b"<") and _philips_xml.MARK in front
    return not peek.is_tiff and (marked or peek.suffix == ".isyntax")


def fields(path: Path) -> tuple[Field, ...]:
    """Return what the header says, which needs no decoder; raise CorruptSlideError where there is none."""
    from dicomanon.sources._bytes import open_bytes  # heavy

    file = open_bytes(path)
    try:
        return _fields(_header(file))
    finally:
        file.close()


def _header(file: FileBytes) -> bytes:
    """Return the document at the front of a file."""
    found = b""
    while len(found) < min(file.size, _LARGEST):
        part = file.read(len(found), min(1 << 20, file.size - len(found)))
        end = part.find(_END)
        if end >= 0:
            return found + part[:end]
        found += part
    raise CorruptSlideError("the header of the slide has no end")


def _fields(header: bytes) -> tuple[Field, ...]:
    from dicomanon.sources._tiff_fields import text_of  # heavy

    found = (
        Field(f"{_PREFIX}/{part}", text_of(header[start:stop]), start, stop - start)
        for part, start, stop in _philips_xml.parts(header, _PREFIX, FORMAT.name)
    )
    return tuple(_philips_xml.told(found, FORMAT.name))


def _open(path: Path) -> SlideSource:
    from dicomanon.sources._bytes import open_bytes  # heavy

    file = open_bytes(path)
    try:
        header = _header(file)
        said = _philips_xml.read_import(header)
        flavors: tuple[Flavor, ...] = ("OVERVIEW", "LABEL")
        others = [_philips_xml.picture(said, flavor) for flavor in flavors]
        may = facts(FORMAT.name, said.fields(_PREFIX))
        metadata = _philips_xml.metadata(may, _PREFIX, _philips_xml.icc_profile(said), path.stem)
        told, digest = _fields(header), fingerprint(file, header)
        decoder = _start(file.descriptor)
        try:
            levels = _levels(decoder, file.size - len(header))
        except CorruptSlideError:
            decoder.close()
            raise
        return SlideSource(
            format=FORMAT.name,
            fingerprint=digest,
            metadata=metadata,
            levels=levels,
            others=tuple(image for image in others if image is not None),
            close=decoder.close,
            fields=told,
        )
    finally:
        file.close()


@dataclass(frozen=True, slots=True)
class _Decoder:
    """A process that decodes one file: one question at a time."""

    process: subprocess.Popen[bytes]
    questions: IO[bytes]
    answers: IO[bytes]
    lock: Lock

    def answer(self, question: bytes, size: int) -> bytes:
        """Return `size` bytes; raise CorruptSlideError where the decoder gives up, crashes or takes too long."""
        with self.lock:
            watch = Timer(_SECONDS, self.process.kill)
            watch.start()
            try:
                self.questions.write(question)
                self.questions.flush()
                found = self.answers.read(size)
            except (OSError, ValueError):
                found = b""
            finally:
                watch.cancel()
        if len(found) != size:
            raise CorruptSlideError("the iSyntax decoder cannot read the slide")
        return found

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.answers.close()
        with suppress(OSError):  # what it was asked last, it may not have read
            self.questions.close()


def _start(descriptor: int) -> _Decoder:
    """Start a decoder of an open file, which it is given as such: names of files hold patients' names."""
    import subprocess  # heavy

    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {__name__} import serve; serve({descriptor})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if process.stdin is None or process.stdout is None:
        raise CorruptSlideError("the iSyntax decoder cannot be started")
    return _Decoder(process, process.stdin, process.stdout, Lock())


def _levels(decoder: _Decoder, stored: int) -> tuple[PixelImage, ...]:
    """Return the levels as the decoder tells them; `stored` are the bytes that all of them take."""
    (count,) = _COUNT.unpack(decoder.answer(b"", _COUNT.size))
    if not 0 < count <= _MOST_LEVELS:
        raise CorruptSlideError("the slide has no level, or an absurd number of them")
    told = [_LEVEL.unpack(decoder.answer(b"", _LEVEL.size)) for _ in range(count)]
    if any(not (0 < each < 1 << 31) for columns, rows, *_ in told for each in (columns, rows)):
        raise CorruptSlideError("a level has no size, or an absurd one")
    every = sum(columns * rows for columns, rows, *_ in told)
    return tuple(
        PixelImage(
            flavor="VOLUME",
            columns=columns,
            rows=rows,
            samples=3,
            spacing=(high / 1000, wide / 1000) if high > 0 and wide > 0 else None,
            losses=(Lossy(_METHOD, max(1, stored * columns * rows // every)),),
            resampled=scale > 0,
            read=partial(_read, decoder, number, (columns, rows)),
            why="iSyntax stores wavelets of its own",
        )
        for number, (columns, rows, scale, wide, high) in sorted(
            enumerate(told), key=lambda each: -each[1][0]
        )
    )


def _read(decoder: _Decoder, level: int, size: tuple[int, int], region: Region) -> NDArray[Any]:
    import numpy as np  # heavy

    from dicomanon.sources._openslide import over  # heavy

    columns, rows = min(region.columns, size[0] - region.left), min(region.rows, size[1] - region.top)
    out = np.full((region.rows, region.columns, 3), 255, np.uint8)
    if columns > 0 and rows > 0:
        question = _REQUEST.pack(region.left, region.top, columns, rows, level)
        found = np.frombuffer(decoder.answer(question, columns * rows * 4), np.uint8)
        out[:rows, :columns] = over(found.reshape(rows, columns, 4), (255, 255, 255))
    return out


def serve(descriptor: int) -> None:
    """Tell the levels of an open iSyntax file, then answer regions in RGBA, until nothing more is asked.

    This is what the process of a decoder does; the C library writes to standard output, which is kept from it.
    """
    import resource  # heavy

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet = os.open(os.devnull, os.O_WRONLY)
    with os.fdopen(os.dup(1), "wb") as answers, os.fdopen(descriptor, "rb") as file:
        os.dup2(quiet, 1)
        from isyntax import ISyntax  # heavy

        file.seek(0)
        slide = ISyntax(file, os.fstat(descriptor).st_size, _CACHE)
        levels: Sequence[Any] = list(slide.wsi.levels)
        answers.write(_COUNT.pack(len(levels)))
        for each in levels:
            answers.write(_LEVEL.pack(each.width, each.height, each.scale, each.mpp_x, each.mpp_y))
        answers.flush()
        while len(question := sys.stdin.buffer.read(_REQUEST.size)) == _REQUEST.size:
            answers.write(slide.read_region(*_REQUEST.unpack(question)).tobytes())
            answers.flush()


FORMAT = SlideFormat(
    name="isyntax",
    title="Philips iSyntax",
    suffixes=(".isyntax",),
    detect=_detect,
    open=_open,
    lossless="label and macro",
    encoded="tissue",
    needs=("isyntax",),
    extra="isyntax",
)
