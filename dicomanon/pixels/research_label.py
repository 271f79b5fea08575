"""A label for research: the project, the pseudonym of the slide, and a code of it that a scanner reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.errors import PixelsError, UnsupportedError
from dicomanon.pixels.header import Header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

CONTAINER = 0x00400512
CODES = ("DataMatrix", "QRCode")
_MARGIN = 0.06
_LINE = 1.25
"""Heights of a letter from line to line."""
_SMALLEST = 48
"""Columns and rows below which a label cannot carry a code."""


def draw_label(
    columns: int, rows: int, header: bytes, transfer_syntax_uid: str, project: str, code: str
) -> Image:
    """Return a label of this size (pixels) for a de-identified header.

    The code holds the Container Identifier that the rules made. It is read back before it is taken. Raises PixelsError
    where the label is too small, or the header has no identifier to show.
    """
    import numpy as np  # heavy

    pseudonym = Header(header, transfer_syntax_uid).raw(CONTAINER).decode("utf-8", "replace").strip(" \0")
    if not pseudonym:
        raise PixelsError("there is no pseudonym of the slide for its label", tag=CONTAINER)
    if min(columns, rows) < _SMALLEST:
        raise PixelsError("the label is too small for a code")
    from PIL import Image as Pictures  # heavy
    from PIL import ImageDraw  # heavy

    canvas = Pictures.new("RGB", (columns, rows), "white")
    margin = max(2, int(min(columns, rows) * _MARGIN))
    lying = columns > rows * 1.2
    side = min(rows, columns // 2) - 2 * margin if lying else min(columns, int(rows * 0.6)) - 2 * margin
    symbol = _symbol(pseudonym, code, side)
    canvas.paste(symbol, (margin, margin))
    if lying:
        left, top, wide = side + 2 * margin, margin, columns - side - 3 * margin
    else:
        left, top, wide = margin, symbol.height + 2 * margin, columns - 2 * margin
    _write(ImageDraw.Draw(canvas), (project, pseudonym), (left, top, wide, rows - top - margin))
    image: Image = np.asarray(canvas)
    if not _reads(image, pseudonym):
        raise PixelsError("the code of the new label cannot be read back: the label is too small for it")
    return image


def _zxing() -> Any:
    try:
        import zxingcpp
    except ImportError:
        raise UnsupportedError(
            "drawing a label needs the packages of the extra 'pixels', which are not installed"
        ) from None
    return zxingcpp


def _symbol(text: str, code: str, side: int) -> Any:
    """Return the code as a picture of whole pixels a module, as large as fits."""
    import numpy as np  # heavy
    from PIL import Image as Pictures  # heavy

    zxing = _zxing()
    made = zxing.create_barcode(text, getattr(zxing.BarcodeFormat, code))
    modules = np.asarray(made.to_image(scale=1, add_quiet_zones=True))
    scale = max(1, side // max(modules.shape[:2]))
    return Pictures.fromarray(modules.repeat(scale, 0).repeat(scale, 1)).convert("RGB")


def _write(draw: Any, lines: tuple[str, ...], place: tuple[int, int, int, int]) -> None:
    """Write lines as large as they fit, long ones in several."""
    from PIL import ImageFont  # heavy

    left, top, wide, high = place
    largest, whole = (_largest(lines, wide, high, split=each) for each in (True, False))
    size = whole if whole * 2 >= largest else largest  # a name in one piece is worth smaller letters
    if not size:
        return
    font = ImageFont.load_default(size)
    parts = [part for line in lines if line for part in _broken(line, font, wide)]
    for number, line in enumerate(parts):
        draw.text((left, top + int(number * size * _LINE)), line, fill="black", font=font)


def _largest(lines: tuple[str, ...], wide: int, high: int, *, split: bool) -> int:
    """Return the largest size of letters (pixels) for which all lines fit, 0 where none does."""
    from PIL import ImageFont  # heavy

    for size in range(max(8, high // 3), 7, -1):
        font = ImageFont.load_default(size)
        parts = [part for line in lines if line for part in (_broken(line, font, wide) if split else [line])]
        if len(parts) * size * _LINE <= high and all(font.getlength(each) <= wide for each in parts):
            return size
    return 0


def _broken(line: str, font: Any, wide: int) -> list[str]:
    parts, part = [], ""
    for letter in line:
        if part and font.getlength(part + letter) > wide:
            parts.append(part)
            part = ""
        part += letter
    return [*parts, part]


def _reads(image: Image, text: str) -> bool:
    return any(found.text == text for found in _zxing().read_barcodes(image))
