"""Small data sets written element by element, and what became of them by tag path."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from dicomanon.part10.elements import element_items, elements_in, is_sequence
from dicomanon.part10.encoding import ENCAPSULATED, EXPLICIT_LITTLE, encoding_of, pack_element, pack_sequence
from dicomanon.part10.read import read_instance
from dicomanon.part10.write import file_meta
from dicomanon.pipeline import clear_in_memory, make_route
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.instance import Instance
    from dicomanon.pipeline import Route

KEY = bytes(range(32))
WSI = b"1.2.840.10008.5.1.4.1.1.77.1.6"
ROOT = b"1.2.826.0.1.3680043.10.1947.55."
SOP_INSTANCE = ROOT + b"1"
STUDY = ROOT + b"2"
SERIES = ROOT + b"3"
PIXEL_DATA = 0x7FE00010
PATIENT_ID = b"MRN-7309177"

Elements = dict[int, tuple[bytes, bytes | list["Elements"]]]
"""By tag: VR, and the value or the items of a sequence."""
Found = dict[tuple[int, ...], list[bytes]]
"""By tag path: the values met there, a sequence as its number of items."""


def identity(**more: bytes) -> Elements:
    """Return what every instance has; `patient`, `instance`, `study` and `series` stand in for the usual ones."""
    return {
        0x00080016: (b"UI", WSI),
        0x00080018: (b"UI", more.get("instance", SOP_INSTANCE)),
        0x0020000D: (b"UI", more.get("study", STUDY)),
        0x0020000E: (b"UI", more.get("series", SERIES)),
        0x00100020: (b"LO", more.get("patient", PATIENT_ID)),
    }


def encode(elements: Elements, encoding: Encoding) -> bytes:
    """Encode elements in the order of their tags."""
    parts = []
    for tag, (vr, value) in sorted(elements.items()):
        if isinstance(value, list):
            parts.append(pack_sequence(tag, [encode(item, encoding) for item in value], encoding))
        else:
            parts.append(pack_element(tag, vr, value, encoding))
    return b"".join(parts)


def file_of(elements: Elements, syntax: str = EXPLICIT_LITTLE) -> bytes:
    """Return a Part 10 file that has these elements, and native pixels unless the syntax or they say otherwise."""
    instance = elements[0x00080018][1]
    assert isinstance(instance, bytes)
    encoding = encoding_of(syntax)
    pixels: Elements = {} if syntax in ENCAPSULATED else {PIXEL_DATA: (b"OB", bytes(8))}
    every = pixels | elements
    return file_meta(WSI.decode(), instance.decode(), syntax) + encode(
        _shape(every, encoding) | every, encoding
    )


def _shape(elements: Elements, encoding: Encoding) -> Elements:
    """Return what describes as many pixels as the value there has bytes."""
    size = len(elements.get(PIXEL_DATA, (b"OB", b""))[1])
    columns = size if size <= 0xFFFF else 1 << 15
    rows = size // columns if columns else 0
    numbers = {0x00280002: 1, 0x00280010: rows, 0x00280011: columns, 0x00280100: 8}
    order: Literal["little", "big"] = "little" if encoding.little else "big"
    return {tag: (b"US", number.to_bytes(2, order)) for tag, number in numbers.items()}


def opened(data: bytes) -> Instance:
    """Read a file from memory."""
    return read_instance(io.BytesIO(data))


def route_of(
    profile: str = "basic",
    options: Iterable[str] = (),
    *,
    key: bytes = KEY,
    scope: str = "",
    ephemeral: bool = False,
) -> Route:
    """Return a route that does not wait for the disk."""
    pseudonymizer = Pseudonymizer(key, ephemeral=ephemeral)
    return make_route(
        "test", load_profile(profile, tuple(options)), pseudonymizer, scope=scope, durable=False
    )


def cleaned(
    elements: Elements,
    profile: str = "basic",
    options: Iterable[str] = (),
    *,
    syntax: str = EXPLICIT_LITTLE,
    scope: str = "",
    verified: bool = True,
) -> Found:
    """De-identify a data set in memory and return what came out."""
    data = clear_in_memory(
        opened(file_of(elements, syntax)), route_of(profile, options, scope=scope), verified=verified
    )
    return found_in(data)


def found_in(data: bytes) -> Found:
    """Return every element of a file by its path, trailing padding of values cut off."""
    instance = opened(data)
    found: Found = {}
    encoding = encoding_of(instance.meta.transfer_syntax_uid)
    for part in (instance.header, _trailer(instance)):
        for path, value in _walk(part, 0, len(part), encoding, ()):
            found.setdefault(path, []).append(value)
    return found


def _trailer(instance: Instance) -> bytes:
    """Return the elements behind native Pixel Data."""
    if instance.pixels is None or instance.pixels.length is None:
        return b""
    window = memoryview(bytearray(1 << 20))
    parts = []
    while count := instance.body.readinto(window):
        parts.append(bytes(window[:count]))
    return b"".join(parts)[instance.pixels.length :]


def _walk(
    header: bytes, at: int, stop: int, encoding: Encoding, outer: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], bytes]]:
    for element in elements_in(header, at, stop, encoding):
        path = (*outer, element.tag)
        if not is_sequence(element):
            yield path, header[element.value : element.end].rstrip(b" \0")
            continue
        items = list(element_items(header, element))
        yield path, b"%d items" % len(items)
        for item in items:
            yield from _walk(header, item.value, item.end, element.encoding, path)


def value_at(found: Mapping[tuple[int, ...], list[bytes]], *path: int) -> bytes:
    """Return the one value at a path."""
    (value,) = found[path]
    return value
