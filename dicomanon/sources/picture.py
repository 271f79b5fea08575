"""PNG and JPEG: one flat picture of tissue, whose spacing the user gives where the file has none to be believed."""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._bytes import MAX_RANGE, FileBytes, open_bytes
from dicomanon.sources._pyramid import fingerprint
from dicomanon.sources._slide import (
    Lossy,
    PixelImage,
    SlideFormat,
    SlideImage,
    SlideMetadata,
    SlideSource,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._picture_jpeg import JpegFile
    from dicomanon.sources._picture_png import PngFile
    from dicomanon.sources._pyramid import Spacing
    from dicomanon.sources._slide import Image, Region

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_WIDEST = 0.05
"""Millimetres: what says that pixels are wider gives the resolution of a printer, not of a microscope."""
_RGB, _YCBCR = 2, 6
_STRIPE = 256
_DECODING = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What codecs raise on damaged input."""


def _detect(peek: Peek) -> bool:
    if not peek.front.startswith((_JPEG, _PNG)):
        return False
    # What 3DHISTECH puts beside the folder of a slide is a JPEG too.
    return peek.suffix != ".mrxs" and not (peek.path.with_suffix("") / "Slidedat.ini").is_file()


def _open(path: Path) -> SlideSource:
    file = open_bytes(path)
    try:
        return _source(file, path)
    except (SlideError, MemoryError) as error:
        file.close()
        if isinstance(error, MemoryError):
            raise CorruptSlideError("the picture does not fit into memory") from None
        raise


def _source(file: FileBytes, path: Path) -> SlideSource:
    from dicomanon.sources._picture_jpeg import jpeg_fields, read_jpeg  # heavy
    from dicomanon.sources._picture_png import png_fields, read_png  # heavy

    if file.size > MAX_RANGE:
        raise SlideError("the picture is larger than what is held in memory: make a tiled TIFF of it")
    data = file.read(0, file.size)
    image: Image
    if data.startswith(_JPEG):
        jpeg = read_jpeg(data)
        image, icc, fields = _of_jpeg(file, jpeg), jpeg.icc, tuple(jpeg_fields(data))
    else:
        png = read_png(data)
        image, icc, fields = _of_png(file, png), png.icc, tuple(png_fields(data))
    colours = icc is not None and icc[16:20] == b"RGB " and image.samples == 3
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(file, data),
        metadata=SlideMetadata(icc_profile=icc if colours else None, name=path.stem),
        levels=(image,),
        others=(),
        close=file.close,
        fields=fields,
    )


def _check_size(columns: int, rows: int) -> None:
    from dicomanon.sources._tiff import MAX_PIXELS  # heavy

    if columns * rows > MAX_PIXELS:
        raise SlideError("the picture has more pixels than are held in memory: make a tiled TIFF of it")


def _credible(spacing: Spacing) -> Spacing:
    """Return a spacing that a microscope can have."""
    return spacing if spacing is not None and all(0 < each < _WIDEST for each in spacing) else None


def _of_jpeg(file: FileBytes, jpeg: JpegFile) -> Image:
    """Return one frame with the scan of the file, or pixels where it has to be turned or is progressive."""
    from dicomanon.sources._tiff import only_frame  # heavy
    from dicomanon.sources._tiles import JPEG_METHOD, jpeg_syntax  # heavy

    head = jpeg.head
    _check_size(head.columns, head.rows)
    losses = (Lossy(JPEG_METHOD, len(jpeg.scan)),)
    if not jpeg.single or jpeg.orientation != 1:
        why = "it lies on its side" if jpeg.single else "DICOM has no transfer syntax for its several scans"
        shape = (head.rows, head.columns, len(head.sampling))
        return _pixels(partial(_jpeg_pixels, file, jpeg), shape, jpeg.orientation, jpeg.spacing, why, losses)
    photometric, syntax = jpeg_syntax(head, _RGB if jpeg.rgb else _YCBCR)
    return SlideImage(
        flavor="VOLUME",
        columns=head.columns,
        rows=head.rows,
        tile_columns=head.columns,
        tile_rows=head.rows,
        samples=len(head.sampling),
        photometric=photometric,
        transfer_syntax_uid=syntax,
        encapsulated=True,
        spacing=_credible(jpeg.spacing),
        losses=losses,
        frame_lengths=[len(jpeg.front) + len(jpeg.scan)],
        frames=only_frame(partial(_frame, file, jpeg)),
    )


def _stream(file: FileBytes, jpeg: JpegFile) -> bytes:
    return jpeg.front + file.read(jpeg.scan.start, len(jpeg.scan))


def _frame(file: FileBytes, jpeg: JpegFile) -> Iterator[bytes]:
    yield _stream(file, jpeg)


def _jpeg_pixels(file: FileBytes, jpeg: JpegFile) -> NDArray[Any]:
    import imagecodecs  # heavy

    found: NDArray[Any] = imagecodecs.jpeg8_decode(_stream(file, jpeg))
    return found


def _of_png(file: FileBytes, png: PngFile) -> PixelImage:
    _check_size(png.columns, png.rows)
    shape = (png.rows, png.columns, png.samples)
    read = partial(_png_pixels, file, png)
    why = "DICOM has no transfer syntax for PNG"
    return _pixels(read, shape, png.orientation, png.spacing, why, (), bits=png.bits)


def _png_pixels(file: FileBytes, png: PngFile) -> NDArray[Any]:
    """Return the pixels, those that show through laid over white."""
    import imagecodecs  # heavy
    import numpy as np  # heavy

    needed = b"".join(file.read(each.start, len(each)) for each in png.needed)
    pixels: NDArray[Any] = imagecodecs.png_decode(needed)
    if pixels.ndim == 2 or pixels.shape[2] == png.samples:
        return pixels
    top = np.iinfo(pixels.dtype).max
    out = np.empty((*pixels.shape[:2], pixels.shape[2] - 1), pixels.dtype)
    for row in range(0, len(pixels), _STRIPE):
        part = pixels[row : row + _STRIPE].astype(np.uint32)
        colours, alpha = part[:, :, :-1], part[:, :, -1:]
        out[row : row + _STRIPE] = (colours * alpha + top * (top - alpha) + top // 2) // top
    return out


def _pixels(
    decode: Callable[[], NDArray[Any]],
    shape: tuple[int, int, int],
    orientation: int,
    spacing: Spacing,
    why: str,
    losses: tuple[Lossy, ...],
    *,
    bits: int = 8,
) -> PixelImage:
    """Return an image that is decoded when it is first read, then held, upright."""
    held: list[NDArray[Any]] = []
    lock = Lock()

    def whole() -> NDArray[Any]:
        with lock:
            if not held:
                held.append(_decoded(decode, shape, bits, orientation))
        return held[0]

    def read(region: Region) -> NDArray[Any]:
        import numpy as np  # heavy

        pixels = whole()
        part = pixels[region.top : region.top + region.rows, region.left : region.left + region.columns]
        out = np.full((region.rows, region.columns, shape[2]), np.iinfo(pixels.dtype).max, pixels.dtype)
        out[: part.shape[0], : part.shape[1]] = part
        return out

    aside = orientation > 4
    between = _credible(spacing)
    return PixelImage(
        flavor="VOLUME",
        columns=shape[0] if aside else shape[1],
        rows=shape[1] if aside else shape[0],
        samples=shape[2],
        bits=bits,
        spacing=between[::-1] if aside and between is not None else between,
        losses=losses,
        read=read,
        exact=not losses,
        why=why,
    )


def _decoded(
    decode: Callable[[], NDArray[Any]], shape: tuple[int, int, int], bits: int, orientation: int
) -> NDArray[Any]:
    """Return pixels turned upright (TIFF 6.0, Orientation)."""
    import numpy as np  # heavy

    try:
        pixels = decode()
    except _DECODING:
        raise CorruptSlideError("the picture cannot be decoded") from None
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if pixels.shape != shape or pixels.dtype.itemsize * 8 != bits:
        raise CorruptSlideError("the picture is not of the size that it says")
    if orientation > 4:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


FORMAT = SlideFormat(
    name="picture",
    title="PNG or JPEG picture, its spacing given",
    suffixes=(".jpg", ".jpeg", ".png"),
    detect=_detect,
    open=_open,
    lossless="JPEG that is neither progressive nor on its side",
    encoded="PNG (without loss where the profile allows), progressive JPEG, pictures on their side",
    named_only=True,
)
