"""From a vendor slide to identified DICOM: one Instance an image, its frames read as they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.convert.body import body, native_length, offset_elements
from dicomanon.convert.header import SOP_CLASS_UID, header, plane_spacing_of, spacing_of
from dicomanon.convert.laboratory import Laboratory
from dicomanon.convert.options import ConvertOptions
from dicomanon.convert.prepare import ReadySlide, Watch, prepared
from dicomanon.convert.rewrap import rewrapped
from dicomanon.convert.sparse import per_frame_groups
from dicomanon.errors import SlideError
from dicomanon.part10.instance import Instance, Meta, PixelElement
from dicomanon.part10.readers import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.part10.instance import Reader
    from dicomanon.sources import SlideImage

__all__ = ["ConvertOptions", "Laboratory", "ReadySlide", "Watch", "instance", "instances", "prepared"]

_PIXEL_DATA = 0x7FE00010
_MAX_NATIVE = 0xFFFFFFFE
_WINDOW = 1 << 20


def instances(slide: ReadySlide, options: ConvertOptions) -> Iterator[Instance]:
    """Yield an Instance for each image of `slide.images`, complete as it is: for those who de-identify nothing.

    Raises SlideError where the slide lacks what DICOM demands.
    """
    for index in range(len(slide.images)):
        yield instance(slide, index, options, described=True)


def instance(slide: ReadySlide, index: int, options: ConvertOptions, *, described: bool = False) -> Instance:
    """Return image `index` of `slide.images` as an identified Instance in Explicit VR Little Endian encoding.

    Every call gives a fresh body, so that an instance can be read twice. What was done to the pixels is `derivation`
    of the instance; with `described` it is in the header as well. Raises SlideError where decoded pixels are too large
    for DICOM.
    """
    image = slide.images[index]
    if image.dataset is None:
        encoded, uid = _header(slide, image, index, options, described=described)
    else:
        encoded, uid = rewrapped(slide, image, image.dataset, options, described=described)
    if image.encapsulated:
        if len(image.frame_lengths) > 1:
            encoded += offset_elements(image)
        length = None
    else:
        length = native_length(image)
        if length > _MAX_NATIVE:
            raise SlideError("an image of decoded pixels is too large for DICOM without compression")
    value: Reader = body(image)
    if image.dataset is not None and image.dataset.trailer:
        value = ChunkReader(_followed(value, image.dataset.trailer))
    vr = b"OB" if image.encapsulated or image.bits == 8 else b"OW"
    return Instance(
        meta=Meta(
            transfer_syntax_uid=image.transfer_syntax_uid,
            sop_class_uid=SOP_CLASS_UID,
            sop_instance_uid=uid,
            name=f"{image.flavor} {index + 1}",
        ),
        header=encoded,
        pixels=PixelElement(tag=_PIXEL_DATA, vr=vr, length=length),
        body=value,
        derivation=image.derivation,
    )


def _header(
    slide: ReadySlide, image: SlideImage, index: int, options: ConvertOptions, *, described: bool
) -> tuple[bytes, str]:
    """Return the header of an image of a vendor, and its SOP Instance UID."""
    dataset = header(slide, image, index, options)
    if described and image.derivation:
        dataset.DerivationDescription = image.derivation
    encoded = dataset.encoded()
    if image.part is not None:
        spacing = spacing_of(slide, image, options) or (0.0, 0.0)
        encoded += per_frame_groups(image, spacing, plane_spacing_of(image))
    return encoded, str(dataset.SOPInstanceUID)


def _followed(value: Reader, trailer: bytes) -> Iterator[bytes]:
    window = memoryview(bytearray(_WINDOW))
    while count := value.readinto(window):
        yield bytes(window[:count])
    yield trailer
