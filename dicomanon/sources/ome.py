"""OME-TIFF: a TIFF, or several, whose ImageDescription says in OME-XML which page is which plane of which image."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._channels import FilePage, Stack, alike, channel_count, reduced, single, stacked_levels
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._ome_set import COMPANION, MOST_FILES, UNSAFE, members
from dicomanon.sources._peek import DESCRIPTION, TIFF_MAGIC
from dicomanon.sources._pyramid import fingerprint, icc_of, number, opened
from dicomanon.sources._slide import BRIGHTFIELD, OpticalPath, SlideFormat, SlideMetadata, SlideSource
from dicomanon.sources.akoya import element_fields, moment, xml_parts, xml_root
from dicomanon.sources.generic_tiff import resolution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._pyramid import Spacing
    from dicomanon.sources._slide import Flavor, Image
    from dicomanon.sources._tiff import TiffSlide

_ROOT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?>(?:<!--.*?-->\s*|<(?:\?|!(?!--))[^<]*)*)<(?:\w+:)?OME[\s>]", re.DOTALL
)
_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.btf", ".ome.tf2", ".ome.tf8")
_BITS = {"uint8": 8, "uint16": 16}
_SIGNED = ("int8", "int16", "int32", "float", "double", "complex", "double-complex")
_POWERS = {"m": 3, "cm": 1, "mm": 0, "um": -3, "nm": -6, "Å": -7, "pm": -9}  # of a millimetre
_WIDEST = 0.05  # millimetres: pixels of tissue are smaller
_MOST_PLANES = 4096
_WORD = r"(?:.*[^A-Za-z])?(?:{})(?:[ _-]?images?)?(?:[ _#-]*[0-9]{{1,2}})?[\])]?"
_FLAVORS: tuple[tuple[Flavor, re.Pattern[str]], ...] = (
    ("THUMBNAIL", re.compile(_WORD.format("thumb(?:nail)?"), re.IGNORECASE)),
    ("OVERVIEW", re.compile(_WORD.format("macro|overview|preview"), re.IGNORECASE)),
    ("LABEL", re.compile(_WORD.format("label|barcode"), re.IGNORECASE)),
)
"""What an image is by the end of its name, such as "label image" or "S26-1 [macro]"."""
_TRANSMITTED = re.compile(
    r"transmitted|bright ?field|phase|dic|hoffman ?modulation|polari[sz]ed ?light", re.IGNORECASE
)
_MAKER = re.compile(
    r"3D ?HISTECH(?: Ltd\.?)?|Akoya(?: Biosciences)?|Aperio|Evident|Hamamatsu(?: Photonics)?|Huron|Motic|Nikon|Olympus"
    r"|Leica(?: Biosystems| Microsystems)?|Perkin ?Elmer|Philips|RareCyte|Roche|Ventana|(?:Carl )?Zeiss",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"(?:Aperio )?(?:AT2|CS2|GT ?450(?: DX)?|VERSA(?: 8| 200)?|ScanScope(?: (?:AT|CS|XT))?)|SCN ?400(?: ?F)?"
    r"|NanoZoomer(?: (?:S20|S60|S210|S360|SQ|XR|XT|2\.0-?(?:HT|RS)))?|Pannoramic ?(?:SCAN(?: II)?|250|1000|MIDI|DESK)"
    r"|iScan (?:Coreo|HT)|DP ?(?:200|600)|VS ?(?:110|120|200)|Axio ?Scan(?:\.Z1| 7)?|Vectra(?: Polaris)?|PhenoImager",
    re.IGNORECASE,
)
_PROGRAM = re.compile(r"(?:(?:OME )?Bio-?Formats|tifffile\.py|QuPath|libvips) v?\d{1,4}(?:\.\d{1,3}){1,3}")
"""All three can be set by hand: what is not known to be a maker, a product or a program does not pass."""
_PREFIX = "ImageDescription"
_CHANNEL, _MICROSCOPE = f"{_PREFIX}/Image/Pixels/Channel", f"{_PREFIX}/Instrument/Microscope"


def _detect(peek: Peek) -> bool:
    named = peek.path.name.lower().endswith(_SUFFIXES)
    if not peek.is_tiff:
        return peek.suffix == ".ome" and _ROOT.match(peek.front) is not None
    text = peek.text(DESCRIPTION)
    marked = _ROOT.match(text) is not None or (named and not text.strip())
    found = peek.claimed(marked=marked, words=(b"openmicroscopy.org/Schemas/OME",))
    return found or (named and not peek.pages)


def _open(path: Path) -> SlideSource:
    try:
        with path.open("rb") as file:
            front = file.read(4)
    except OSError as error:
        raise CorruptSlideError(f"the file cannot be read ({error.strerror})") from None
    if front not in TIFF_MAGIC:
        raise SlideError(f"this is {COMPANION}, which is not supported: it has no image")
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    own = _member(slide, path.name)
    if own.root.find("{*}BinaryOnly") is not None:
        raise SlideError(f"what the images are is said in {COMPANION}, which is not supported")
    with ExitStack() as stack:
        made = _slide(_Files(path.parent, own, stack, {}))
        kept = stack.pop_all()
    kept.callback(slide.close)
    return replace(made, close=kept.close)


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of a set, and what its own OME-XML says."""

    slide: TiffSlide
    name: str
    text: bytes
    root: Element


def _member(slide: TiffSlide, name: str) -> _Member:
    """Read the OME-XML of a file; raise CorruptSlideError where there is none that can be read."""
    from dicomanon.sources._xml import LARGEST  # heavy

    tag = slide.pages[0].tags.get(DESCRIPTION) if slide.pages else None
    if tag is None or tag.count > LARGEST:
        raise CorruptSlideError("the slide has no OME-XML, or an absurdly large one")
    text = slide.file.read(tag.valueoffset, tag.count).rstrip(b"\0")
    root = xml_root(text)
    if root.tag.rpartition("}")[2] != "OME":
        raise CorruptSlideError("the XML of the slide is not that of OME")
    return _Member(slide, name, text, root)


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a set: the one that was opened, and those that its OME-XML names, each opened once."""

    folder: Path
    own: _Member
    stack: ExitStack
    others: dict[str, _Member]

    def of(self, unique: Element | None) -> TiffSlide:
        """Return the file that a UUID element means; raise CorruptSlideError where it is missing, or is another."""
        name, said = ("", "") if unique is None else (unique.get("FileName", ""), (unique.text or "").strip())
        if not name or name == self.own.name or (said and said == self.own.root.get("UUID")):
            return self.own.slide
        if UNSAFE.fullmatch(name):
            raise CorruptSlideError("the OME-XML names a file that is not beside it, which none may")
        if name not in self.others:
            self.others[name] = self._opened(name)
        if said and self.others[name].root.get("UUID", said) != said:
            raise CorruptSlideError("a file of the set is not the one that the OME-XML names")
        return self.others[name].slide

    def _opened(self, name: str) -> _Member:
        from dicomanon.sources._tiff import open_tiff  # heavy

        if len(self.others) >= MOST_FILES:
            raise SlideError("the set has more files than are supported")
        if not (self.folder / name).is_file():
            raise CorruptSlideError("a file of the set that the OME-XML names is missing")
        slide = open_tiff(self.folder / name)
        self.stack.callback(slide.close)
        return _member(slide, name)

    @property
    def every(self) -> tuple[_Member, ...]:
        """All files, the opened one first."""
        return (self.own, *self.others.values())

    def fields(self) -> Iterator[Field]:
        """Yield what all files say."""
        from dicomanon.sources._tiff_fields import tiff_fields  # heavy

        for each in self.every:
            for field in tiff_fields(each.slide, {DESCRIPTION: xml_parts}):
                yield field if each is self.own else replace(field, file=each.name)

    def fingerprint(self) -> bytes:
        """Digest all files: the same, whichever of them was opened."""
        first, *rest = sorted(self.every, key=lambda each: each.name)
        return fingerprint(first.slide.file, first.text, *(fingerprint(each.slide.file) for each in rest))

    def stem(self, slide: TiffSlide) -> str:
        """Return the name of a file without its suffixes."""
        name = next(each.name for each in self.every if each.slide is slide)
        return re.sub(r"(?:\.ome)?\.[^.]*$", "", name, flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """An image: its pages by level, the largest first, path by path and plane by plane."""

    element: Element
    flavor: Flavor | None
    spacing: Spacing
    stack: Stack
    levels: tuple[tuple[FilePage, ...], ...]

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.levels[0][0].size

    @property
    def tissue_spacing(self) -> Spacing:
        """Millimetres between rows and columns, None where they are those of a printer."""
        said = self.spacing or resolution(self.levels[0][0].page)
        return said if said is not None and max(said) < _WIDEST else None


def _slide(files: _Files) -> SlideSource:
    """Return the slide: the largest pyramid and images as fine as it are tissue, what is not sure of is none."""
    elements = files.own.root.findall("{*}Image")
    images = [each for each in (_image(files, element) for element in elements) if each is not None]
    tissue = [each for each in images if each.flavor is None]
    if not tissue:
        raise SlideError("no image is of tissue: each is named as label, picture of the glass or thumbnail")
    base = max(tissue, key=lambda each: (len(each.levels) > 1, each.size[0] * each.size[1]))
    below = [each for each in tissue if each is not base and _is_level(each, base)]
    scenes = [each for each in tissue if each is base or (each not in below and _is_scene(each, base))]
    levels: list[Image] = []
    for scene, each in enumerate(scenes):
        own = [*each.levels, *(lower.levels[0] for lower in below if each is base)]
        levels += stacked_levels(own, each.stack, each.tissue_spacing, scene=scene)
    first = base.levels[0][0]
    return SlideSource(
        format=FORMAT.name,
        fingerprint=files.fingerprint(),
        metadata=_metadata(files.own.root, base, files.stem(first.slide)),
        levels=tuple(levels),
        others=tuple(_others([each for each in images if each not in (*scenes, *below)], base)),
        close=first.slide.close,
        fields=tuple(files.fields()),
    )


def _is_level(image: _Image, base: _Image) -> bool:
    """Whether an image is a smaller level of the base, which files of before 2019 have as images of their own."""
    factor = base.size[0] / max(1, image.size[0])
    same = (len(image.stack.paths), image.stack.planes) == (len(base.stack.paths), base.stack.planes)
    if len(base.levels) > 1 or not same or factor < 1.5 or not alike(image.size, base.size):
        return False
    if image.spacing is None or base.spacing is None:
        return True
    return abs(image.spacing[1] / base.spacing[1] / factor - 1) < 0.1


def _is_scene(image: _Image, base: _Image) -> bool:
    """Whether an image is tissue as the base is: of pixels as fine, or a pyramid as large, which no label is."""
    if image.spacing is not None and base.spacing is not None:
        return image.spacing[1] <= 2 * base.spacing[1]
    return len(image.levels) > 1 and 4 * image.size[0] * image.size[1] >= base.size[0] * base.size[1]


def _others(images: Sequence[_Image], base: _Image) -> Iterator[Image]:
    """Yield THUMBNAIL, OVERVIEW and LABEL, of each the largest; what may show the glass is an OVERVIEW."""
    found: dict[Flavor, list[_Image]] = {}
    for each in images:
        odd = each.flavor == "THUMBNAIL" and not alike(each.size, base.size)
        found.setdefault("OVERVIEW" if odd else each.flavor or "OVERVIEW", []).append(each)
    for flavor, _ in _FLAVORS:
        ranked = sorted(
            found.get(flavor, []), key=lambda each: (each.flavor is None, -each.size[0] * each.size[1])
        )
        for each in ranked[:1]:
            image = single([pages[0] for pages in each.levels], flavor, each.spacing)
            yield replace(image, paths=each.stack.paths[:1])


def _image(files: _Files, element: Element) -> _Image | None:
    """Read an image; None where it has no pixels in TIFF pages. Raises CorruptSlideError, SlideError."""
    pixels = element.find("{*}Pixels")
    if pixels is None or pixels.find("{*}BinData") is not None or pixels.find("{*}MetadataOnly") is not None:
        return None
    kind = (pixels.get("Type") or pixels.get("PixelType") or "").lower()
    if kind not in _BITS:
        signed = "samples are signed or real numbers: whole-slide images in DICOM have neither"
        raise SlideError(signed if kind in _SIGNED else "only samples of 8 or 16 bits are supported")
    if _count(pixels, "SizeT", 1) != 1:
        raise SlideError("there are several points in time, which a whole-slide image has no place for")
    planes = _count(pixels, "SizeZ", 1)
    pages = _pages(files, pixels, _count(pixels, "SizeC", 1), planes)
    size = (_count(pixels, "SizeX"), _count(pixels, "SizeY"))
    if any(each.size != size or each.page.bitspersample != _BITS[kind] for each in pages):
        raise CorruptSlideError("the OME-XML and the pages contradict each other")
    rows, columns = _length(pixels, "PhysicalSizeY"), _length(pixels, "PhysicalSizeX")
    said = [*pixels.findall("{*}Channel"), *[None] * len(pages)][: len(pages) // planes]
    gray = pages[0].page.samplesperpixel < 3
    paths = tuple(_path(each, alone=len(said) == 1) if gray else BRIGHTFIELD for each in said)
    name = element.get("Name", "")
    return _Image(
        element=element,
        flavor=next((flavor for flavor, pattern in _FLAVORS if pattern.fullmatch(name)), None),
        spacing=(rows or columns or 0, columns or rows or 0) if rows or columns else None,
        stack=Stack(paths=paths, planes=planes, plane_spacing=_length(pixels, "PhysicalSizeZ")),
        levels=reduced(pages),
    )


def _pages(files: _Files, pixels: Element, samples: int, planes: int) -> tuple[FilePage, ...]:
    """Return pages, channel by channel and plane by plane, as TiffData elements place them."""
    order = pixels.get("DimensionOrder", "XYZCT")[2:]
    if sorted(order) != ["C", "T", "Z"] or not 0 < samples * planes <= _MOST_PLANES:
        raise CorruptSlideError("the OME-XML has no channels or planes, absurdly many, or no order of them")
    found: dict[tuple[int, int], FilePage] = {}
    used: set[tuple[int, int]] = set()
    channels = 0
    for data in pixels.findall("{*}TiffData") or [pixels]:
        slide = files.of(data.find("{*}UUID"))
        begin = _count(data, "IFD", 0)
        if begin >= len(slide.pages):
            raise CorruptSlideError("the OME-XML names a page that is not there")
        channels = channels or channel_count(slide.pages[begin], samples)
        sizes, at, factor = {"C": channels, "Z": planes, "T": 1}, 0, 1
        for axis in order:
            at, factor = at + factor * _count(data, f"First{axis}", 0), factor * sizes[axis]
        count = _count(data, "PlaneCount", _count(data, "NumPlanes", 1 if "IFD" in data.attrib else factor))
        for step in range(min(count, factor - at, len(slide.pages) - begin)):
            place, rest = {}, at + step
            for axis in order:
                rest, place[axis] = divmod(rest, sizes[axis])
            key = (id(slide), begin + step)
            if key in used or (place["C"], place["Z"]) in found:
                raise CorruptSlideError("the OME-XML names a page or a plane twice")
            used.add(key)
            found[place["C"], place["Z"]] = FilePage(slide, slide.pages[begin + step])
    places = list(product(range(channels), range(planes)))
    if not all(place in found for place in places):
        raise CorruptSlideError("a channel or focal plane has no page")
    return tuple(found[place] for place in places)


def _path(channel: Element | None, *, alone: bool) -> OpticalPath:
    """Return how a channel was lit: one of several by fluorescence, unless the file says otherwise."""
    said = facts(FORMAT.name, element_fields(channel, _CHANNEL)) if channel is not None else {}
    ways = [said.get(f"{_CHANNEL}/{key}", "") for key in ("IlluminationType", "ContrastMethod")]
    known = [key for key in ("Excitation", "Emission") if f"{_CHANNEL}/{key}Wavelength" in said]
    light = {key: _length(channel, f"{key}Wavelength", "nm") for key in known if channel is not None}
    lit = any("fluorescence" in way.lower() for way in ways) or any(light.values())
    if any(_TRANSMITTED.fullmatch(way) for way in ways) or (alone and not lit):
        return BRIGHTFIELD
    nanometres = {key: round(each * 1e6, 3) for key, each in light.items() if each}
    return OpticalPath(
        fluorescence=True, excitation=nanometres.get("Excitation"), emission=nanometres.get("Emission")
    )


def _count(element: Element, name: str, otherwise: int | None = None) -> int:
    """Return an attribute that is a whole number; raise CorruptSlideError for any other."""
    text = element.get(name, "" if otherwise is None else str(otherwise)).strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise CorruptSlideError("the OME-XML has no number where one must be")
    return int(text)


def _length(element: Element, name: str, unit: str = "µm") -> float | None:
    """Return an attribute in mm, None where there is none that can be; `unit` is that of one that says none."""
    found = number(element.get(name, ""))
    power = _POWERS.get(element.get(f"{name}Unit", unit).translate({0xB5: "u", 0x3BC: "u"}))
    return None if found is None or power is None else found * 10.0**power


def _metadata(root: Element, base: _Image, stem: str) -> SlideMetadata:
    instruments = {each.get("ID", ""): each for each in root.findall("{*}Instrument")}
    reference = base.element.find("{*}InstrumentRef")
    first = next(iter(instruments.values()), None)
    instrument = first if reference is None else instruments.get(reference.get("ID", ""), first)
    said: dict[str, str] = {}
    for element, place in ((instrument, f"{_PREFIX}/Instrument"), (base.element, f"{_PREFIX}/Image")):
        said |= facts(FORMAT.name, element_fields(element, place)) if element is not None else {}
    said |= facts(FORMAT.name, (Field(f"{_PREFIX}/Creator", root.get("Creator", "")),))
    maker, model, serial = (
        said.get(f"{_MICROSCOPE}/{key}", "") for key in ("Manufacturer", "Model", "SerialNumber")
    )
    program = _PROGRAM.match(said.get(f"{_PREFIX}/Creator", ""))
    return SlideMetadata(
        manufacturer=maker if _MAKER.fullmatch(maker) else "",
        model=model if _MODEL.fullmatch(model) else "",
        serial=serial,
        software=(program[0],) if program else (),
        acquired=moment(said.get(f"{_PREFIX}/Image/AcquisitionDate", ""))
        or moment(said.get(f"{_PREFIX}/Image/CreationDate", "")),
        objective_power=_power(instrument, base.element),
        icc_profile=icc_of(base.levels[0][0].page),
        name=stem,
    )


def _power(instrument: Element | None, image: Element) -> float | None:
    """Return the magnification of the objective that was used, or of the only one."""
    every = instrument.findall("{*}Objective") if instrument is not None else []
    used = image.find("{*}ObjectiveSettings")
    named = [each for each in every if used is not None and each.get("ID") == used.get("ID")]
    found = named or every
    place = f"{_PREFIX}/Instrument/Objective"
    said = facts(FORMAT.name, element_fields(found[0], place)) if len(found) == 1 else {}
    return number(said.get(f"{place}/NominalMagnification", ""))


FORMAT = SlideFormat(
    name="ome",
    title="OME-TIFF",
    suffixes=_SUFFIXES,
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000, of channels and focal planes too",
    encoded="strips, 16 bits, channels and focal planes in other tiles",
    members=members,
)
