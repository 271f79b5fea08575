"""One file of a slide in DICOM: its header, and where its frames lie."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError, UnknownSlideError
from dicomanon.part10.encoding import DEFLATED
from dicomanon.part10.extent import Extent
from dicomanon.part10.read import read_instance
from dicomanon.part10.readers import PrefixedReader
from dicomanon.pixels.header import Header
from dicomanon.sources._dicom_folder import IMAGE_TYPE, SERIES, SOP_CLASS, WHOLE_SLIDE, flavor_of
from dicomanon.sources._dicom_grid import grid_of
from dicomanon.sources._dicom_stored import stored_frames

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.part10.instance import Instance
    from dicomanon.sources._dicom_stored import Stored
    from dicomanon.sources._slide import Flavor

SOP_INSTANCE = 0x00080018
_SAMPLES, _PLANAR = 0x00280002, 0x00280006
_BITS, _SIGNED = 0x00280100, 0x00280103


@dataclass(frozen=True, slots=True)
class DicomFile:
    """A file whose header is read and whose frames are found; `instance` has no body any more."""

    path: Path
    instance: Instance
    header: Header
    flavor: Flavor
    stored: Stored

    @property
    def uid(self) -> str:
        """Its SOP Instance UID."""
        return self.said(SOP_INSTANCE)

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return len(self.stored.lengths)

    def said(self, tag: int) -> str:
        """Return a value as text without padding."""
        return self.header.raw(tag).decode("ascii", "replace").strip(" \0")


def read_file(path: Path, series: str = "") -> DicomFile:
    """Read the header of a file and find its frames; `series` is the one it has to be of, if that is known.

    Raises UnknownSlideError for an image that no slide has, CorruptSlideError, SlideError and MalformedError.
    """
    try:
        with io.FileIO(path) as file:
            instance = read_instance(file)
            header = Header.of(instance)
            named = instance.meta.sop_class_uid or WHOLE_SLIDE
            if header.text(SOP_CLASS) != WHOLE_SLIDE or named != WHOLE_SLIDE:
                raise CorruptSlideError("data set and container do not name the same SOP Class")
            if series and header.raw(SERIES).decode("ascii", "replace").strip(" \0") != series:
                raise CorruptSlideError("a file of the slide changed while it was read")
            flavor = flavor_of(header.text(IMAGE_TYPE))
            if flavor is None:
                raise UnknownSlideError(
                    "a DICOM image that is neither tissue, label, overview nor thumbnail: `dicomanon deid` takes it"
                )
            frames = Extent(instance).frames()
            grid_of(header, frames)
            _check(header, instance)
            body = instance.body
            at = None
            if isinstance(body, PrefixedReader) and instance.meta.transfer_syntax_uid != DEFLATED:
                at = file.tell() - body.held
            stored = stored_frames(path, file, instance, at, frames)
            return DicomFile(path, instance, header, flavor, stored)
    except OSError as error:
        raise CorruptSlideError(f"a file of the slide cannot be read ({error.strerror})") from None


def _check(header: Header, instance: Instance) -> None:
    samples = header.number(_SAMPLES)
    if header.number(_BITS) not in (8, 16) or samples not in (1, 3):
        raise SlideError("only samples of 8 or 16 bits, gray or of three colours, are supported")
    if header.number(_SIGNED):
        raise SlideError("samples are signed: whole-slide images in DICOM have none such")
    if samples > 1 and header.number(_PLANAR) and instance.pixels and instance.pixels.length is not None:
        raise SlideError("colours that lie one behind the other are not supported without compression")
