"""What may stay in a place that stays: what its field can mean, in numbers and known words; anything else becomes X."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from dicomanon.sources import catalogue
from dicomanon.sources._versions import VERSION
from dicomanon.sources.hamamatsu import MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

LINES = ("aperio", "hamamatsu")
"""Formats whose descriptions are lines of words; the names of their fields are words among them."""
_WORD = re.compile(rb"[^\s\[\](),;|=]+")
_NUMBER = re.compile(
    rb"[-+]?\d{1,5}(?:\.\d{1,9})?%?(?:um|nm|mm)?|\d{1,6}x\d{1,6}|->|-"
    rb"|[vV]" + VERSION.encode() + rb"|vFS\d\d|\d{1,2}(?:\.\d{1,2}){1,2}\.\d"
)
"""Numbers of at most five digits: a date and most numbers of a person have more, or dots and lines between."""
_KNOWN = frozenset(
    b"Aperio Image Library Leica Biosystems ScanScope AT AT2 CS CS2 GT GT450 DX FL LV1 VERSA T2 T3 XT OS "
    b"JPEG JPEG2000 J2K KDU RGB YCC YCbCr YUV16 BGR Q label macro thumbnail Hamamatsu NanoZoomer NDP.scan NDP.S C9600 "
    b"C9600-02 C9600-12 C10730 C10730-12 C12000 C12000-02 C13210 C13220 C13239 C13140 C14920 C16300 S20 S60 S210 S360 "
    b"XR XT2 RS HT SQ Philips DP".split()
)

_REAL = r"-?\d{1,5}(?:\.\d{1,9})?(?:[eE][-+]?\d{1,2})?"
_COUNT = r"\d{1,6}"
_SMALL = r"\d{1,3}"
_SIGN = r"-?\d{1,2}"
_TRUTH = r"[01]|[Tt]rue|[Ff]alse|TRUE|FALSE|[Yy]es|[Nn]o"
_QUOTE = r"(?:&quot;|\")?"
_WORDS, _COLOUR = "words", "colour"
"""Not one pattern: each word is looked at, or what the number means."""
_MOST_COLOURED = 64


def _list(item: str, most: int) -> str:
    """Return a pattern of values apart by blanks, each in quotes or not."""
    return rf"{_QUOTE}(?:{item}){_QUOTE}(?: +{_QUOTE}(?:{item}){_QUOTE}){{0,{most - 1}}}"


def _rows(front: str, forms: Mapping[str, str]) -> dict[str, str]:
    return {f"{front}{name}": form for names, form in forms.items() for name in names.split("; ")}


_PICTURE = r"JPEG|PNG|BMP(?:24)?"
_MIRAX_STRUCTURE = (
    rf"\d{{1,4}}|{_PICTURE}|(?:Index|Data\d{{4,6}})\.dat|(?:ZoomLevel|FilterLevel|ExtFocusLevel)_\d{{1,3}}"
    r"|(?:NONHIER)?LAYER_\d{1,4}(?:_LEVEL_\d{1,4})?_SECTION|Slide (?:zoom|filter) level|Microscope focus level"
    r"|Scan data layer|VIMSLIDE_POSITION_BUFFER|StitchingIntensityLayer|StitchingIntensityLevel|default"
)
_VENTANA_MODEL = r"(?:VENTANA |Roche )?(?:DP ?(?:200|600)|iScan(?: Coreo(?: Au)?| HT)?)"
_IMAGE_OF = tuple(f"{name}_IMAGE_" for name in ("BARCODE", "THUMBNAIL", "PREVIEW"))

FORMS: Mapping[str, Mapping[str, str]] = {
    "aperio": {
        "ImageDescription": _WORDS,
        "Software": _WORDS,
        **_rows(
            "ImageDescription/",
            {
                "ScannerType; ICC Profile": _WORDS,
                "SessonMode": "NR",
                "AppMag": r"\d{1,3}(?:\.\d{1,4})?",
                "OriginalWidth; OriginalHeight": _COUNT,
                "StripeWidth": r"\d{1,5}",
                "Filtered": r"\d{1,2}",
                "DisplayColor": r"\d{1,3}|16777215",
                "MPP; Left; Top; LineAreaXOffset; LineAreaYOffset; LineCameraSkew; Focus Offset": _REAL,
                "Exposure Time; Exposure Scale; Gamma": _REAL,
            },
        ),
    },
    "hamamatsu": {
        "Make": r"Hamamatsu(?: Photonics)?",
        "Model": MODEL.pattern,
        "Software": r"NDP\.scan(?: \d{1,2}(?:\.\d{1,3}){1,3})?",
        **_rows(
            "tag 65449/",
            {
                "Product": MODEL.pattern,
                "system.version": r"\d{1,2}(?:\.\d{1,2})?",
                "Barcode.Type": r"QR|DataMatrix|PDF417|(?i:code)[ -]?(?:39|93|128)|NW-?7|ITF|None",
                "Objective.Lens.Magnificant": _REAL,
                "ExcitationWaveLength; EmissionWaveLength": r"\d{1,4}(?:\.\d{1,2})?",
                "roi.slide.macro; roi.barcode.macro": r"\d{1,4}(?:,\d{1,4}){3}",
                "slide.tickness; target.white.intensity": _REAL,
            },
        ),
    },
    "philips": {
        "Software": _WORDS,
        **_rows(
            "ImageDescription/",
            {
                "level": r"level=\d{1,2}(?: (?:mag|quality)=\d{1,3}){0,2}",
                "DICOM_PIXEL_SPACING": _list(r"\d(?:\.\d{1,17})?(?:[eE]-\d{1,2})?", 2),
                "DICOM_BITS_ALLOCATED; DICOM_BITS_STORED; DICOM_HIGH_BIT": r"\d{1,2}",
                "DICOM_LOSSY_IMAGE_COMPRESSION": "0[01]",
                "DICOM_LOSSY_IMAGE_COMPRESSION_METHOD": _list(
                    r"PHILIPS_(?:DP|TIFF|HULSKEN|iSyntax)_\d_\d|ISO_\d{4,5}_\d", 4
                ),
                "DICOM_LOSSY_IMAGE_COMPRESSION_RATIO": _list(r"\d{1,3}(?:\.\d{1,17})?", 4),
                "DICOM_PHOTOMETRIC_INTERPRETATION": r"RGB|YBR_(?:FULL|FULL_422|ICT|RCT)|MONOCHROME[12]",
                "DICOM_PIXEL_REPRESENTATION; DICOM_PLANAR_CONFIGURATION; DICOM_SAMPLES_PER_PIXEL": r"\d",
                "PIM_DP_IMAGE_COLUMNS; PIM_DP_IMAGE_ROWS": _COUNT,
                "PIM_DP_IMAGE_TYPE": "WSI|LABELIMAGE|MACROIMAGE",
                "PIM_DP_UFS_INTERFACE_VERSION": r"\d{1,2}\.\d{1,2}",
                "PIIM_DP_SCANNER_CALIBRATION_STATUS": "(?:NOT )?OK",
                "PIIM_PIXEL_DATA_REPRESENTATION_COLUMNS; PIIM_PIXEL_DATA_REPRESENTATION_ROWS": _COUNT,
                "PIIM_PIXEL_DATA_REPRESENTATION_NUMBER; UFS_IMAGE_PIXEL_TRANSFORMATION_METHOD": r"\d{1,2}",
                "PIIM_PIXEL_DATA_REPRESENTATION_POSITION; PIIM_DP_PIXEL_DATA_REPRESENTATION_POSITION": _list(
                    _REAL, 3
                ),
            },
        ),
    },
    "mirax": {
        "Slidedat/HIERARCHICAL/*": _MIRAX_STRUCTURE,
        "Slidedat/DATAFILE/*": r"\d{1,4}|Data\d{4,6}\.dat",
        **_rows(
            "Slidedat/GENERAL/",
            {
                "OBJECTIVE_MAGNIFICATION; ADAPTER_SIZE; OPTOVAR_SIZE; OUTPUT_RESOLUTION": _REAL,
                "SLIDE_VERSION; CURRENT_SLIDE_VERSION": r"\d{1,2}\.\d{1,2}|[0-2]\d{3}",
                "IMAGENUMBER_X; IMAGENUMBER_Y": _COUNT,
                "CameraImageDivisionsPerSide; COMPRESSION_FACTOR": _SMALL,
                "COMPRESSION": _PICTURE,
                "VIMSLIDE_SLIDE_TYPE; SLIDE_TYPE": r"(?:SLIDE_TYPE_)?(?:BRIGHTFIELD|FLUORESCENCE|Brightfield)",
                "SLIDE_BITDEPTH; VIMSLIDE_CAMERA_REAL_BITDEPTH": r"\d{1,2}",
                "SLIDE_IS_DOUBLE_WIDE; COMPRESSED; CONFOCAL; FLAT_FIELD_CORRECTION; FOCUS_MAP": _TRUTH,
                "SLIDE_POSITION_X; SLIDE_POSITION_Y; FOCUS_LIMIT; FOCUS_LIMIT_LO; FOCUS_LIMIT_UP": _REAL,
                "OBJECTIVE_NAME": (
                    r"(?:(?:Zeiss|Olympus|Nikon|Plan|EC|LD|Neofluar|-|Apochromat|Plan-Apochromat|Plan-Neofluar"
                    r"|\d{1,3}[xX]?(?:/\d\.\d{1,3})?)(?: |$)){1,6}"
                ),
                "IMAGE_OVERLAP_MICROMETER_X; IMAGE_OVERLAP_MICROMETER_Y": _REAL,
                "EXTENDED_FOCUS_ALGORITHM": rf"\d{{1,2}}|{_TRUTH}",
            },
        ),
        **_rows(
            "Slidedat/LAYER_n_LEVEL_n_SECTION/",
            {
                "OVERLAP_X; OVERLAP_Y; MICROMETER_PER_PIXEL_X; MICROMETER_PER_PIXEL_Y; ZSTACK_STEP_SIZE": (
                    r"-?\d{1,5}(?:\.\d{1,17})?(?:[eE][-+]?\d{1,2})?"
                ),
                "IMAGE_FORMAT": _PICTURE,
                "IMAGE_FILL_COLOR_BGR": _COLOUR,
                "DIGITIZER_WIDTH; DIGITIZER_HEIGHT": r"\d{1,5}",
                "IMAGE_CONCAT_FACTOR; IMAGE_COMPRESSION_FACTOR; ZSTACK_STEP_COUNT": _SMALL,
            },
        ),
        **_rows(
            "Slidedat/NONHIERLAYER_n_LEVEL_n_SECTION/",
            {
                "BARCODE_TYPE": r"QR|DataMatrix|PDF417|None|\d{1,3}",
                "VIMSLIDE_POSITION_DATA_FORMAT_VERSION": r"\d{1,4}",
                **{f"{each}TYPE": _PICTURE for each in _IMAGE_OF},
                **{f"{each}WIDTH; {each}HEIGHT": r"\d{1,5}" for each in _IMAGE_OF},
                **{f"{each}BIT_DEPTH; {each}COMPRESSION_FACTOR": _SMALL for each in _IMAGE_OF},
                **{f"{each}COLORED": _TRUTH for each in _IMAGE_OF},
            },
        ),
    },
    "ventana": {
        "ImageDescription": (
            r"Label[_ ]Image|Probability[_ ]Image|Thumbnail"
            r"|level=\d{1,2} mag=\d{1,3}(?:\.\d{1,6})?(?: quality=\d{1,3})?"
        ),
        **_rows(
            "XMP/iScan/",
            {
                "ScannerModel": _VENTANA_MODEL,
                "BuildVersion": VERSION,
                "Magnification; ScanRes; Z-spacing": r"\d{1,3}(?:\.\d{1,6})?",
                "Anonymized; Anonymization; ShowLabel": _TRUTH,
                "FocusMode; Mode; ScanMode": r"(?i:auto|manual|brightfield)|\d{1,2}",
                "FocusQuality; LabelBoundary; ScanWhitePoint": r"\d{1,5}",
                "Z-layers": r"\d{1,3}",
            },
        ),
        **_rows(
            "XMP/",
            {
                "SlideInfo/StitchApproach; SlideInfo/FallbackStitchApproach": r"\d{1,2}",
                "SlideInfo/UseFallbackForStitch; ServerDirectory/Copy": _TRUTH,
                "EncodeInfo/Ver": r"\d{1,2}(?:\.\d{1,2})?",
                "AoiInfo/XIMAGESIZE; AoiInfo/YIMAGESIZE; ImageInfo/Width; ImageInfo/Height": r"\d{1,5}",
                "AoiInfo/NUMROWS; AoiInfo/NUMCOLS; AoiInfo/NumRows; AoiInfo/NumCols": r"\d{1,4}",
                "ImageInfo/NumRows; ImageInfo/NumCols": r"\d{1,4}",
                "AoiInfo/Pos-X; AoiInfo/Pos-Y; ImageInfo/Pos-X; ImageInfo/Pos-Y": r"-?\d{1,6}(?:\.\d{1,6})?",
                "ImageInfo/AOIScanned; FrameInfo/AOIScanned; AOI/AOIScanned": _TRUTH,
                "ImageInfo/AOIIndex; FrameInfo/AOIIndex": r"\d{1,3}",
                "AOI/Left; AOI/Top; AOI/Right; AOI/Bottom; AOI/OriginX; AOI/OriginY": (
                    r"-?\d{1,6}(?:\.\d{1,6})?"
                ),
            },
        ),
    },
    "generic_tiff": {},
}
"""What stays in each place, as a whole; lists of numbers are short, and no number has as many digits as a date."""
BLOBS = frozenset((("philips", "ImageDescription/DICOM_ICCPROFILE"),))
"""Places that stay with bytes packed in them, which are looked into elsewhere."""


def kept_value(name: str, place: str, value: bytes) -> bytes:
    """Return a value of a place that stays as far as it is what the place can hold, X for what is not."""
    form = _form(name, place)
    if form == _WORDS:
        return kept_words(name, value)
    if form == _COLOUR:
        return _gray(value)
    # Readers see a value up to the first zero.
    front, zero, rest = value.partition(b"\0")
    text = front.strip(b" \t\r\n").decode("latin-1")
    fits = not text or (form and re.fullmatch(form, text, re.ASCII))
    return (front if fits else crossed(front)) + zero + crossed(rest)


def _gray(value: bytes) -> bytes:
    """Return the colour of bare glass, 24 bits; readers need one, so anything else becomes white or black."""
    text = value.strip(b" \t\r\n")
    if text.isdigit() and int(text) < 1 << 24:
        channels = int(text).to_bytes(3, "big")
        if max(channels) - min(channels) <= _MOST_COLOURED and (min(channels) >= 128 or not any(channels)):
            return value
    white = b"16777215" if len(text) >= 8 else b"0"
    return value.replace(text, white.rjust(len(text), b"0")) if text else value


@cache
def _form(name: str, place: str) -> str:
    forms = FORMS.get(name, {})
    above = place.rpartition("/")[0]
    return forms.get(place) or forms.get(f"{above}/*", "")


def crossed(value: bytes) -> bytes:
    """Return X for each byte that is neither 0 nor a blank or the end of a line."""
    return bytes(byte if byte in b"\0 \t\r\n" else 0x58 for byte in value)


@cache
def _names(name: str) -> frozenset[bytes]:
    """Return the words of the names of fields that the catalogue of a format knows."""
    places = (place.partition("/")[2].encode() for place in catalogue(name))
    return frozenset(word for place in places for word in _WORD.findall(place))


def kept_words(name: str, text: bytes, *, with_names: bool = False) -> bytes:
    """Return a text with X for each word that is not known; `with_names` knows the names of fields too."""
    known = _KNOWN | (_names(name) if with_names else frozenset())

    def one(found: re.Match[bytes]) -> bytes:
        word = found[0]
        if word in known or _NUMBER.fullmatch(word) or known.issuperset(word.split(b"/")):
            return word
        return crossed(word)

    return _WORD.sub(one, text)
