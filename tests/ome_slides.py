"""Small OME-TIFF: images with channels, focal planes and levels in SubIFDs, in one file or one file a plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, open_slide
from tests.peers import dciodvfy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from dicomanon.sources import Image, SlideImage

Pixels = NDArray[Any]
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
TILE = 64
UNIQUE = "urn:uuid:00000000-0000-4000-8000-00000000000{}"
"""The UUID of the file with a number."""


def texture(rows: int, columns: int, seed: int = 0, *, kind: Any = np.uint8, colour: bool = False) -> Pixels:
    """Return a smooth picture, gray or in colour, over the whole range of its samples."""
    down, across = np.mgrid[0:rows, 0:columns]
    wave = np.sin(across / (5 + seed)) * np.cos(down / (7 + seed)) * 0.4 + 0.5 + seed / 100
    most = np.iinfo(kind).max
    layers = [np.clip(wave * share, 0, 1) * most for share in ((1, 0.6, 0.8) if colour else (1,))]
    return np.stack(layers, -1).astype(kind) if colour else layers[0].astype(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One Image: pages of pixels, by channel and plane, each with `levels` levels, half as large each.

    `said` are attributes of Pixels besides those that the pixels give; `channels` those of each Channel; `inside` is
    XML in the Image.
    """

    pages: Sequence[Sequence[Pixels]]
    name: str = "tissue"
    levels: int = 1
    compression: str | int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    tile: int = TILE
    said: Mapping[str, object] = field(default_factory=dict)
    channels: Sequence[Mapping[str, object]] = ()
    inside: str = ""
    order: str = "XYZCT"

    @property
    def colour(self) -> bool:
        """Whether pixels have three samples."""
        return self.pages[0][0].ndim == 3

    @property
    def places(self) -> list[tuple[int, int]]:
        """Channels and planes in the order of their pages."""
        channels, planes = range(len(self.pages)), range(len(self.pages[0]))
        if self.order.index("Z") < self.order.index("C"):
            return [(channel, plane) for channel in channels for plane in planes]
        return [(channel, plane) for plane in planes for channel in channels]


def brightfield(rows: int = 150, columns: int = 200, **more: Any) -> Stored:
    """Return an image in colour, in JPEG tiles."""
    given: dict[str, Any] = {"compression": "jpeg", "arguments": {"level": 85}, **more}
    return Stored(pages=[[texture(rows, columns, colour=True)]], **given)


def fluorescence(kind: Any = np.uint8, channels: int = 3, planes: int = 1, **more: Any) -> Stored:
    """Return an image of channels and planes in gray."""
    pages = [
        [texture(150, 200, 5 * channel + plane, kind=kind) for plane in range(planes)]
        for channel in range(channels)
    ]
    return Stored(pages=pages, **more)


def attributes(said: Mapping[str, object]) -> str:
    """Return attributes of a tag."""
    return "".join(f' {key}="{value}"' for key, value in said.items())


def nested(places: Mapping[str, str], inside: Iterable[str] = ()) -> str:
    """Return XML that says values at places, whose last word is an attribute unless the place is in `inside`."""
    texts = []
    for place, value in places.items():
        *around, last = place.split("/")
        names = [*around, last] if place in inside else around
        opening = "".join(f"<{name}>" for name in names)
        said = value if place in inside else ""
        if not said:
            opening = f'{opening[:-1]} {last}="{value}">'
        texts.append(opening + said + "".join(f"</{name}>" for name in reversed(names)))
    return "".join(texts)


def document(images: Sequence[Stored], more: str = "", root: str = "", files: Sequence[str] = ()) -> bytes:
    """Return OME-XML; of a set `files` are the names, one a page of the first image, UUID by their number."""
    texts = [f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NAMESPACE}"{root}>']
    ifd = 0
    for number, image in enumerate(images):
        pixels = image.pages[0][0]
        samples = 3 if image.colour else 1
        said = {
            "ID": f"Pixels:{number}",
            "DimensionOrder": image.order,
            "Type": str(pixels.dtype),
            "SizeX": pixels.shape[1],
            "SizeY": pixels.shape[0],
            "SizeC": samples * len(image.pages),
            "SizeZ": len(image.pages[0]),
            "SizeT": 1,
            **image.said,
        }
        texts.append(
            f'<Image ID="Image:{number}" Name="{image.name}">{image.inside}<Pixels{attributes(said)}>'
        )
        for channel in range(len(image.pages)):
            own = image.channels[channel] if channel < len(image.channels) else {}
            texts.append(f'<Channel ID="C:{number}:{channel}" SamplesPerPixel="{samples}"{attributes(own)}/>')
        for channel, plane in image.places:
            place = {"IFD": 0 if files else ifd, "PlaneCount": 1, "FirstC": channel, "FirstZ": plane}
            unique = f'<UUID FileName="{files[ifd]}">{UNIQUE.format(ifd)}</UUID>' if files else ""
            texts.append(f"<TiffData{attributes(place)}>{unique}</TiffData>")
            ifd += 1
        texts.append("</Pixels></Image>")
    return "".join((*texts, more, "</OME>")).encode()


def make_ome(path: Path, images: Sequence[Stored], xml: bytes | None = None, **tags: Any) -> Path:
    """Write a file; `xml` instead of that which says what it holds."""
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        described = document(images) if xml is None else xml
        for image in images:
            for channel, plane in image.places:
                write_page(tiff, image.pages[channel][plane], image, described, **tags)
                described = b""
    return path


def make_set(folder: Path, image: Stored, names: Sequence[str]) -> list[Path]:
    """Write each plane to a file of its own, each with the XML of all."""
    paths = []
    for number, (channel, plane) in enumerate(image.places):
        unique = f' UUID="{UNIQUE.format(number)}"'
        with tifffile.TiffWriter(folder / names[number]) as tiff:
            write_page(tiff, image.pages[channel][plane], image, document([image], root=unique, files=names))
        paths.append(folder / names[number])
    return paths


INSTRUMENT = (
    '<Instrument ID="Instrument:0"><Microscope Manufacturer="{}" Model="{}" SerialNumber="SS4711"/>'
    '<Objective ID="Objective:0" NominalMagnification="5"/><Objective ID="Objective:1" NominalMagnification="20"/>'
    "</Instrument>"
)
INSIDE = (
    "<AcquisitionDate>2026-03-07T16:02:37.4420345Z</AcquisitionDate>"
    '<InstrumentRef ID="Instrument:0"/><ObjectiveSettings ID="Objective:1"/>'
)
"""What a slide says of its microscope: maker and model are yet to be named."""
ELEMENTS = (
    *(f"Image/{name}" for name in ("Description", "AcquisitionDate", "CreationDate", "Pixels/BinData")),
    *("Rights/RightsHolder", "Rights/RightsHeld", "Project/Description", "Image/Pixels/TiffData/UUID"),
    "StructuredAnnotations/Other",
)
"""Places that are elements, not attributes."""
ALONE = (
    "NAME1",
    "TEXT1",
    "CHANNEL1",
    "FLUOR1",
    "CREATOR1",
    "UUID1",
    "ODD1",
    "LEVEL1",
    "SOFTWARE1",
    "COMMENT1",
)
"""What `make_canaries` plants outside the places that it is told, CANARY in front."""


def make_canaries(path: Path, places: Iterable[str]) -> dict[str, str]:
    """Write a slide with a canary in each place of the XML, and in the tags; return the canaries by place."""
    planted = {place.replace("*", "Other"): f"CANARY{number:04d}X" for number, place in enumerate(places)}
    # An image without pixels in pages may say anything.
    more = nested(planted, ELEMENTS).replace("<Pixels>", "<Pixels><MetadataOnly/>")
    more += '<Odd><Where Ever="CANARYODD1"/></Odd><!-- CANARYCOMMENT1 -->'
    own = brightfield(
        name="CANARYNAME1",
        inside="<Description>CANARYTEXT1</Description>",
        channels=({"Name": "CANARYCHANNEL1", "Fluor": "CANARYFLUOR1"},),
    )
    xml = document([own], more, ' Creator="CANARYCREATOR1" UUID="CANARYUUID1"')
    tags: list[tuple[int, str, int, str, bool]] = [
        (code, "s", 0, f"CANARYTAG{code}", True) for code in (269, 271, 272, 285, 315, 316, 33432)
    ]
    planted |= {f"tag {code}": value for code, _, _, value, _ in tags}
    pixels = own.pages[0][0]
    with tifffile.TiffWriter(path) as tiff:
        for level, description in enumerate((xml, "CANARYLEVEL1")):
            tiff.write(
                pixels[:: 1 + level, :: 1 + level],
                tile=(TILE, TILE),
                photometric="rgb",
                subifds=None if level else 1,
                description=description,
                software=False if level else "CANARYSOFTWARE1",
                datetime=None if level else "2026:01:01 00:00:00",
                extratags=[] if level else tags,
                metadata=None,
            )
    return planted


def write_page(
    tiff: tifffile.TiffWriter, pixels: Pixels, image: Stored, description: bytes = b"", **tags: Any
) -> None:
    """Write a page, and its smaller levels as SubIFDs."""
    for level in range(image.levels):
        tiff.write(
            pixels[:: 2**level, :: 2**level],
            tile=(image.tile, image.tile) if image.tile else None,
            rowsperstrip=None if image.tile else 16,
            photometric="rgb" if image.colour else "minisblack",
            compression=image.compression,
            compressionargs=dict(image.arguments) or None,
            subifds=image.levels - 1 if not level and image.levels > 1 else None,
            subfiletype=1 if level else 0,
            description=None if level else description,
            metadata=None,
            software=False,
            **(tags if description else {}),
        )


def whole(image: Image, plane: int = 0, path: int = 0) -> Pixels:
    """Return all pixels of a plane of a channel: read, or decoded from frames."""
    if isinstance(image, PixelImage):
        return image.read(Region(0, 0, image.columns, image.rows, plane, path))
    across, down = -(-image.columns // image.tile_columns), -(-image.rows // image.tile_rows)
    first = (path * image.planes + plane) * across * down
    out = np.zeros((down * image.tile_rows, across * image.tile_columns, image.samples), np.uint8)
    for number, frame in enumerate(image.frames(first, first + across * down)):
        top, left = (
            each * size
            for each, size in zip(divmod(number, across), (image.tile_rows, image.tile_columns), strict=True)
        )
        out[top : top + image.tile_rows, left : left + image.tile_columns] = _tile(image, frame)
    return out[: image.rows, : image.columns]


def _tile(image: SlideImage, frame: bytes) -> Pixels:
    shape = (image.tile_rows, image.tile_columns, image.samples)
    if not image.encapsulated:
        return np.frombuffer(frame, np.uint8).reshape(shape)
    jpeg = image.transfer_syntax_uid.endswith(".4.50")
    decode = imagecodecs.jpeg8_decode if jpeg else imagecodecs.jpeg2k_decode
    return np.asarray(decode(frame)).reshape(shape)


def stored(path: Path, level: int = 0, image: int = 0) -> Pixels:
    """Return what another reader makes of a level, as channels x planes x rows x columns x samples."""
    with tifffile.TiffFile(path) as tiff:
        found = tiff.series[image].levels[level]
        axes = found.axes
        pixels = np.asarray(found.asarray())
    missing = [axis for axis in "CZYXS" if axis not in axes]
    pixels = pixels.reshape(pixels.shape + (1,) * len(missing))
    return pixels.transpose([(axes + "".join(missing)).index(axis) for axis in "CZYXS"])


def ranges(path: Path, image: Stored, level: int) -> list[tuple[int, int]]:
    """Return where the tiles of a level are, path by path and plane by plane: begin and end."""
    with tifffile.TiffFile(path) as tiff:
        pages = [page.pages[level - 1] if level else page for page in tiff.pages]
        placed = dict(zip(image.places, pages, strict=True))
        found = [(page.dataoffsets, page.databytecounts) for _, page in sorted(placed.items())]
    return [(at, at + count) for each in found for at, count in zip(*each, strict=True)]


def assert_converts(path: Path, folder: Path) -> None:
    """Convert a slide; another program must find no error in any image."""
    with prepared(path, ConvertOptions(), folder) as slide:
        for number, instance in enumerate(instances(slide, ConvertOptions())):
            write_identified(instance, folder / f"{number}.dcm")
            assert dciodvfy(folder / f"{number}.dcm") == []


def assert_cut_is_damaged(path: Path) -> None:
    """Cut a slide at twenty places; each must be damaged, or as whole as it was."""
    data = path.read_bytes()
    sound = _outcome(path)
    assert sound != "corrupt"
    for place in range(1, 21):
        path.write_bytes(data[: len(data) * place // 21])
        assert _outcome(path) in ("corrupt", sound), place


def _outcome(path: Path) -> object:
    try:
        with open_slide(path) as slide:
            every = [whole(image, plane) for image in slide.images for plane in range(image.planes)]
            return slide.metadata, [each.tobytes() for each in every]
    except CorruptSlideError:
        return "corrupt"
