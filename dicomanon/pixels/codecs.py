"""Frames to arrays of samples and back: the only module that decodes pixels (PS3.5 section 8.2, annex A.4)."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Any

from dicomanon.errors import MalformedError, UnsupportedError
from dicomanon.part10.encoding import ENCAPSULATED_UNCOMPRESSED, RUN_LENGTH
from dicomanon.pixels.run_length import run_length_decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.pixels.picture import Picture

    Samples = NDArray[np.uint8] | NDArray[np.uint16]

_UID = "1.2.840.10008.1.2.4."
JPEG = frozenset((_UID + "50", _UID + "51"))
JPEG_LOSSLESS = frozenset((_UID + "57", _UID + "70"))
JPEG_LS = frozenset((_UID + "80", _UID + "81"))
JPEG_2000 = frozenset(_UID + each for each in ("90", "91"))
HTJ2K = frozenset(_UID + each for each in ("201", "202", "203"))
DECODED = JPEG | JPEG_LOSSLESS | JPEG_LS | JPEG_2000 | HTJ2K | {RUN_LENGTH}
_YBR = {"YBR_FULL": (1, 1), "YBR_FULL_422": (2, 1), "YBR_PARTIAL_420": (2, 2)}
_LENIENT = JPEG | JPEG_LS | HTJ2K
"""Whose decoders make up what is missing of a frame that is cut short, or look for it for seconds."""
_END, _TAIL = b"\xff\xd9", 64
QUALITY = 92
"""Of a JPEG that is drawn anew (a blank or replaced picture)."""
_FRAME_HEADS = frozenset(
    (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
)
_MARKERS = {b"\xff\xd8": JPEG | JPEG_LOSSLESS | JPEG_LS, b"\xff\x4f\xff\x51": JPEG_2000 | HTJ2K}


def decode(frame: bytes, picture: Picture) -> Samples:
    """Return one frame as an array (rows, columns, samples) of what is stored, of unsigned 8 or 16 bits.

    Colours are those of the photometric interpretation, but RGB for JPEG 2000, whose transform is undone. Raises
    MalformedError for a frame that does not decode to its size, UnsupportedError where there is no codec.
    """
    import numpy as np  # heavy

    syntax = picture.transfer_syntax_uid
    if not picture.encapsulated or syntax == ENCAPSULATED_UNCOMPRESSED:
        return _native(frame, picture)
    if syntax not in DECODED:
        raise UnsupportedError("there is no codec for frames of this transfer syntax")
    if syntax != RUN_LENGTH and not any(
        frame.startswith(mark) and syntax in syntaxes for mark, syntaxes in _MARKERS.items()
    ):
        raise MalformedError("a frame is not of the codec that its transfer syntax names")
    if syntax != RUN_LENGTH:
        check_head(frame, picture)
    if syntax in _LENIENT and _END not in frame[-_TAIL:]:
        raise MalformedError("a frame is cut short")
    if syntax != RUN_LENGTH:
        check_tail(frame)
    samples: Any = _decoded(frame, picture)
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    if samples.shape == (picture.samples, picture.rows, picture.columns):
        samples = samples.transpose(1, 2, 0)  # components that were not transformed
    if samples.shape != (picture.rows, picture.columns, picture.samples):
        raise MalformedError("a frame does not have the size that the header says")
    if samples.dtype.kind not in "ui" or samples.dtype.itemsize > 2:
        raise MalformedError("a frame does not have the bits that the header says")
    unsigned: Samples = samples if samples.dtype.kind == "u" else samples.view(f"u{samples.dtype.itemsize}")
    return unsigned


def check_head(frame: bytes, picture: Picture) -> None:
    """Raise MalformedError where the head of a code stream tells another size than the header of the instance.

    What a decoder asks memory for is what the head tells.
    """
    if _told_size(frame) != (picture.columns, picture.rows):
        raise MalformedError("a frame does not have the size that the header says")


def check_tail(frame: bytes) -> None:
    """Raise MalformedError where more than zeros stand behind the first end of a code stream.

    Decoders show the first picture of a frame; what is behind it nobody has looked at.
    """
    at = frame.find(_END, _first_scan(frame))
    if at >= 0 and frame[at + 2 :].strip(b"\0\xff"):
        raise MalformedError("bytes follow the end of a frame")


def _first_scan(frame: bytes) -> int:
    """Return where the header of the first scan or tile-part begins: in front of it segments may hold anything."""
    at = 2
    while frame[at : at + 1] == b"\xff" and at + 4 <= len(frame) and frame[at + 1] not in (0xDA, 0x90):
        at += 1 if frame[at + 1] == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return at


def _told_size(frame: bytes) -> tuple[int, int]:
    """Return columns and rows out of SIZ of JPEG 2000, or the first SOF of the others; zeros where there is none."""
    if frame.startswith(b"\xff\x4f"):
        right, bottom, left, top = unpack_from(">4I", frame[8:24].ljust(16, b"\0"))
        return right - left, bottom - top
    at = 2
    while frame[at : at + 1] == b"\xff" and at + 9 <= len(frame):
        marker = frame[at + 1]
        if marker in _FRAME_HEADS:
            rows, columns = unpack_from(">HH", frame, at + 5)
            return columns, rows
        at += 1 if marker == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return 0, 0


def _decoded(frame: bytes, picture: Picture) -> Any:
    import imagecodecs  # heavy

    syntax = picture.transfer_syntax_uid
    try:
        if syntax in JPEG:
            space = _jpeg_space(picture)
            return imagecodecs.jpeg8_decode(frame, colorspace=space, outcolorspace=space)
        if syntax in JPEG_LOSSLESS:
            return imagecodecs.jpegsof3_decode(frame)
        if syntax in JPEG_LS:
            return imagecodecs.jpegls_decode(frame)
        if syntax in HTJ2K:
            return imagecodecs.htj2k_decode(frame)
        if syntax in JPEG_2000:
            return imagecodecs.jpeg2k_decode(frame)
        return run_length_decoded(frame, picture)
    except (RuntimeError, ValueError, OSError):
        raise MalformedError("a frame does not decode") from None


def _native(frame: bytes, picture: Picture) -> Samples:
    import numpy as np  # heavy

    kind = ("u1" if picture.bits_allocated == 8 else ">u2") if picture.big_endian else "<u1"
    if picture.bits_allocated == 16 and not picture.big_endian:
        kind = "<u2"
    rows, columns, samples = picture.rows, picture.columns, picture.samples
    values: Any = np.frombuffer(frame, kind, len(frame) * 8 // picture.bits_allocated)
    if picture.photometric == "YBR_FULL_422" and values.size == rows * columns * 2:
        if columns & 1:
            raise MalformedError("a frame of halved chrominance has an odd number of columns")
        pairs = values.reshape(rows, columns // 2, 4)
        whole = np.empty((rows, columns, 3), kind)
        whole[:, 0::2, 0], whole[:, 1::2, 0] = pairs[:, :, 0], pairs[:, :, 1]
        whole[:, :, 1], whole[:, :, 2] = pairs[:, :, 2].repeat(2, 1), pairs[:, :, 3].repeat(2, 1)
        return whole
    if values.size < rows * columns * samples:
        raise MalformedError("a frame is cut short")
    values = values[: rows * columns * samples]
    found: Samples = (
        values.reshape(samples, rows, columns).transpose(1, 2, 0)
        if picture.planar
        else values.reshape(rows, columns, samples)
    )
    return found


def encode(samples: Samples, picture: Picture) -> bytes:
    """Return an array as `decode` gives it as one frame; lossless where the transfer syntax can be.

    Raises UnsupportedError where there is no codec that writes it.
    """
    syntax = picture.transfer_syntax_uid
    if not picture.encapsulated or syntax == ENCAPSULATED_UNCOMPRESSED:
        return _packed(samples, picture)
    encoder = _ENCODERS.get(syntax)
    if encoder is None:
        raise UnsupportedError("there is no codec that writes frames of this transfer syntax")
    return encoder(samples, picture)


def _packed(samples: Samples, picture: Picture) -> bytes:
    import numpy as np  # heavy

    kind = np.dtype(f"{'>' if picture.big_endian else '<'}u{picture.bits_allocated // 8}")
    values = samples.astype(kind, copy=False)
    if picture.photometric == "YBR_FULL_422":
        pairs = np.empty((picture.rows, picture.columns // 2, 4), kind)
        pairs[:, :, 0], pairs[:, :, 1] = values[:, 0::2, 0], values[:, 1::2, 0]
        pairs[:, :, 2], pairs[:, :, 3] = values[:, 0::2, 1], values[:, 0::2, 2]
        return pairs.tobytes()
    return (values.transpose(2, 0, 1) if picture.planar else values).tobytes()


def _squeezed(samples: Samples) -> Any:
    import numpy as np  # heavy

    return np.ascontiguousarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)


def _signed(samples: Any, picture: Picture) -> Any:
    """Return samples as the signed numbers that they are where the code stream tells that."""
    return samples.view(f"i{samples.dtype.itemsize}") if picture.signed else samples


def _jpeg_space(picture: Picture) -> str | None:
    if picture.samples == 1:
        return None
    return "RGB" if picture.photometric == "RGB" else "YCBCR"


def _jpeg_encoded(samples: Samples, picture: Picture) -> bytes:
    import imagecodecs  # heavy

    space = _jpeg_space(picture)
    return bytes(
        imagecodecs.jpeg8_encode(
            _squeezed(samples),
            level=QUALITY,
            colorspace=space,
            outcolorspace=space,
            subsampling=_YBR.get(picture.photometric, (1, 1)) if picture.samples == 3 else None,
            bitspersample=12 if picture.bits_allocated == 16 else None,
        )
    )


def _lossless_jpeg_encoded(samples: Samples, picture: Picture) -> bytes:
    import imagecodecs  # heavy

    space = _jpeg_space(picture)
    return bytes(
        imagecodecs.jpeg8_encode(
            _squeezed(samples),
            level=0,
            lossless=True,
            predictor=1,
            colorspace=space,
            outcolorspace=space,
            bitspersample=picture.bits_stored,
        )
    )


def _jpeg_ls_encoded(samples: Samples, _: Picture) -> bytes:
    import imagecodecs  # heavy

    return bytes(imagecodecs.jpegls_encode(_squeezed(samples), level=0))


def _jpeg_2000_encoded(samples: Samples, picture: Picture) -> bytes:
    import imagecodecs  # heavy

    return bytes(
        imagecodecs.jpeg2k_encode(
            _signed(_squeezed(samples), picture),
            level=0,
            codecformat="j2k",
            # Of YBR_ICT too: what has not changed stays as it was decoded, to the last bit.
            reversible=True,
            mct=picture.photometric in ("YBR_ICT", "YBR_RCT"),
            bitspersample=picture.bits_stored,
        )
    )


def _htj2k_encoded(samples: Samples, picture: Picture) -> bytes:
    import imagecodecs  # heavy

    return bytes(
        imagecodecs.htj2k_encode(
            _signed(_squeezed(samples), picture),
            reversible=True,
            rgb=picture.photometric in ("YBR_ICT", "YBR_RCT"),
        )
    )


def _run_length_encoded(samples: Samples, picture: Picture) -> bytes:
    from pydicom.pixels.encoders.base import (
        get_encoder,
    )  # heavy: imagecodecs reads these and does not write them

    kind = f"<u{picture.bits_allocated // 8}"
    return bytes(
        get_encoder(RUN_LENGTH).encode(
            samples.astype(kind, copy=False).tobytes(),
            rows=picture.rows,
            columns=picture.columns,
            samples_per_pixel=picture.samples,
            bits_allocated=picture.bits_allocated,
            bits_stored=picture.bits_stored,
            pixel_representation=int(picture.signed),
            photometric_interpretation=picture.photometric,
            number_of_frames=1,
            planar_configuration=0,
        )
    )


_ENCODERS: dict[str, Callable[[Samples, Picture], bytes]] = {
    **dict.fromkeys(JPEG, _jpeg_encoded),
    **dict.fromkeys(JPEG_LOSSLESS, _lossless_jpeg_encoded),
    **dict.fromkeys(JPEG_LS, _jpeg_ls_encoded),
    **dict.fromkeys(JPEG_2000, _jpeg_2000_encoded),
    **dict.fromkeys(HTJ2K, _htj2k_encoded),
    RUN_LENGTH: _run_length_encoded,
}


def drawn(samples: Samples, quality: int) -> bytes:
    """Return gray or RGB samples of 8 bits as JPEG baseline: colours as YCbCr, halved across (YBR_FULL_422)."""
    import imagecodecs  # heavy

    values = _squeezed(samples)
    if values.ndim == 2:
        return bytes(imagecodecs.jpeg8_encode(values, level=quality))
    return bytes(
        imagecodecs.jpeg8_encode(
            values, level=quality, colorspace="RGB", outcolorspace="YCBCR", subsampling=(2, 1)
        )
    )


def exact(samples: Samples) -> bytes:
    """Return gray or RGB samples as reversible JPEG 2000, colours through the RCT (YBR_RCT)."""
    import imagecodecs  # heavy

    return bytes(
        imagecodecs.jpeg2k_encode(
            _squeezed(samples), codecformat="j2k", reversible=True, level=0, mct=samples.shape[2] == 3
        )
    )
