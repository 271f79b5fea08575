"""The 18 identifiers of 45 CFR 164.514(b)(2)(i), each planted where it can stand in a slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.verify.made import Elements


@dataclass(frozen=True, slots=True)
class Identifier:
    """One line of 45 CFR 164.514(b)(2)(i): `elements` are planted at the top level, and `values` looked for."""

    letter: str
    what: str
    values: tuple[bytes, ...]
    elements: Elements


def texts(value: bytes) -> Elements:
    """Return attributes of free text, at the top level and in a sequence, and a private one, that say a value."""
    said = b"patient says " + value + b" is right"
    return {
        0x00104000: (b"LT", said),
        0x00204000: (b"LT", said),
        0x00081030: (b"LO", said[:64]),
        0x00189424: (b"LT", said),
        0x0040051A: (b"LO", said[:64]),
        0x00090010: (b"LO", b"SCANNERCO"),
        0x00091001: (b"LO", said[:64]),
        0x00091002: (b"OB", said + bytes(len(said) % 2)),
        0x00400560: (
            b"SQ",
            [
                {
                    0x00400551: (b"LO", b"A-1"),
                    0x00400554: (b"UI", b"1.2.826.0.1.3680043.10.1947.55.90"),
                    0x00400600: (b"LO", said[:64]),
                    0x00400602: (b"UT", said),
                    0x00400562: (b"SQ", []),
                    0x00400610: (
                        b"SQ",
                        [{0x00400612: (b"SQ", [{0x0040A040: (b"CS", b"TEXT"), 0x0040A160: (b"UT", said)}])}],
                    ),
                }
            ],
        ),
    }


IDENTIFIERS = (
    Identifier(
        "A",
        "names",
        (b"Quimby", b"Hortensia", b"Zwingli", b"Opsimath", b"Fabricius"),
        texts(b"Hortensia Quimby")
        | {
            0x00100010: (b"PN", b"Quimby^Hortensia"),
            0x00101001: (b"PN", b"Zwingli^Hortensia"),
            0x00101005: (b"PN", b"Zwingli"),
            0x00101060: (b"PN", b"Opsimath"),
            0x00102297: (b"PN", b"Quimby^Fabricius"),
            0x00080090: (b"PN", b"Fabricius^Dr"),
            0x00081070: (b"PN", b"Opsimath^O"),
        },
    ),
    Identifier(
        "B",
        "geographic subdivisions smaller than a state",
        (b"7 Canary Lane", b"Birdsville", b"04711", b"Finch County", b"St Elsewhere"),
        texts(b"7 Canary Lane, 04711 Birdsville")
        | {
            0x00101040: (b"LO", b"7 Canary Lane, 04711 Birdsville"),
            0x00102152: (b"LO", b"Finch County"),
            0x00080080: (b"LO", b"St Elsewhere"),
            0x00080081: (b"ST", b"9 Hospital Road, 04711 Birdsville"),
            0x00380300: (b"LO", b"Ward 5, Birdsville"),
            0x00380400: (b"LO", b"Home of Birdsville"),
        },
    ),
    Identifier(
        "C",
        "dates more specific than the year, and ages over 89",
        (
            b"19310417",
            b"17.04.1931",
            b"04/17/1931",
            b"20210317",
            b"091733",
            b"093Y",
            b"93 years",
            b"20200229",
        ),
        texts(b"born 17.04.1931 (04/17/1931), 93 years old, seen 20210317")
        | {
            0x00100030: (b"DA", b"19310417"),
            0x00100032: (b"TM", b"091733"),
            0x00101010: (b"AS", b"093Y"),
            0x00080020: (b"DA", b"20210317"),
            0x00080030: (b"TM", b"091733"),
            0x0008002A: (b"DT", b"20210317091733.000000+0100"),
            0x00080023: (b"DA", b"20210317"),
            0x00080033: (b"TM", b"091733"),
            0x00080012: (b"DA", b"20210317"),
            0x00380020: (b"DA", b"20200229"),
        },
    ),
    Identifier(
        "D",
        "telephone numbers",
        (b"555-0142-77", b"555-0199-88"),
        texts(b"555-0142-77") | {0x00102154: (b"SH", b"555-0142-77"), 0x00080094: (b"SH", b"555-0199-88")},
    ),
    Identifier(
        "E",
        "fax numbers",
        (b"555-0311-66",),
        texts(b"fax 555-0311-66") | {0x00102155: (b"LT", b"fax 555-0311-66")},
    ),
    Identifier(
        "F",
        "electronic mail addresses",
        (b"h.quimby@example.org",),
        texts(b"h.quimby@example.org") | {0x00102155: (b"LT", b"h.quimby@example.org")},
    ),
    Identifier(
        "G",
        "social security numbers",
        (b"078-05-1120", b"078051120"),
        texts(b"078-05-1120")
        | {
            0x00101000: (b"LO", b"078-05-1120"),
            0x00101002: (
                b"SQ",
                [{0x00100020: (b"LO", b"078051120"), 0x00100022: (b"CS", b"TEXT")}],
            ),
        },
    ),
    Identifier(
        "H",
        "medical record numbers",
        (b"MRN-5550777", b"5550777"),
        texts(b"MRN-5550777") | {0x00100020: (b"LO", b"MRN-5550777"), 0x00101090: (b"LO", b"MRN-5550777")},
    ),
    Identifier(
        "I",
        "health plan beneficiary numbers",
        (b"HPB99871234",),
        texts(b"HPB99871234")
        | {
            0x00101050: (b"LO", b"HPB99871234"),
            0x00100050: (
                b"SQ",
                [{0x00080100: (b"SH", b"HPB99871234"), 0x00080104: (b"LO", b"HPB99871234")}],
            ),
        },
    ),
    Identifier(
        "J",
        "account numbers",
        (b"ACCT-778812", b"ADM-662211", b"S21-4711", b"EPI-313131", b"REQ-90909"),
        texts(b"ACCT-778812")
        | {
            0x00380010: (b"LO", b"ADM-662211"),
            0x00380060: (b"LO", b"EPI-313131"),
            0x00080050: (b"SH", b"S21-4711"),
            0x00400275: (
                b"SQ",
                [{0x00401001: (b"SH", b"REQ-90909"), 0x00080050: (b"SH", b"S21-4711")}],
            ),
            0x00402016: (b"LO", b"ACCT-778812"),
        },
    ),
    Identifier(
        "K",
        "certificate and license numbers",
        (b"LIC-20817755",),
        texts(b"LIC-20817755")
        | {
            0x00081049: (
                b"SQ",
                [{0x00401101: (b"SQ", [{0x00080100: (b"SH", b"LIC-20817755")}]), 0x00080080: (b"LO", b"x")}],
            ),
        },
    ),
    Identifier(
        "L",
        "vehicle identifiers and license plates",
        (b"WVWZZZ1JZXW000001", b"B-CD 4711"),
        texts(b"WVWZZZ1JZXW000001 B-CD 4711"),
    ),
    Identifier(
        "M",
        "device identifiers and serial numbers",
        (b"SN-88123477", b"88123477", b"1.2.826.0.1.3680043.10.1947.88", b"GANTRY-31", b"UDI0123456789"),
        texts(b"SN-88123477")
        | {
            0x00181000: (b"LO", b"SN-88123477"),
            0x00181002: (b"UI", b"1.2.826.0.1.3680043.10.1947.88"),
            0x00181008: (b"LO", b"GANTRY-31"),
            0x0018100A: (b"SQ", [{0x00181009: (b"UT", b"(01)UDI0123456789")}]),
            0x0018A001: (
                b"SQ",
                [
                    {
                        0x00080070: (b"LO", b"maker"),
                        0x00181000: (b"LO", b"SN-88123477"),
                        0x00181002: (b"UI", b"1.2.826.0.1.3680043.10.1947.88"),
                    }
                ],
            ),
        },
    ),
    Identifier(
        "N",
        "web URLs",
        (b"portal.example.org/quimby",),
        texts(b"https://portal.example.org/quimby")
        | {
            0x00081190: (b"UR", b"https://portal.example.org/quimby"),
            0x00404073: (b"UR", b"https://portal.example.org/quimby"),
        },
    ),
    Identifier(
        "O",
        "IP addresses",
        (b"192.0.2.147",),
        texts(b"192.0.2.147")
        | {
            0x00081010: (b"SH", b"192.0.2.147"),
            0x00080055: (b"AE", b"192.0.2.147"),
            0x00081000: (b"AE", b"192.0.2.147"),
        },
    ),
    Identifier(
        "P",
        "biometric identifiers",
        (b"FINGERPRINTMINUTIAE", b"VOICEPRINT4711"),
        texts(b"VOICEPRINT4711")
        | {
            0x00290010: (b"LO", b"BIOMETRICS"),
            0x00291001: (b"OB", b"FINGERPRINTMINUTIAE0"),
            0x50002000: (b"US", b"\1\0"),
            0x5000200C: (b"OW", b"VOICEPRINT4711"),
        },
    ),
    Identifier(
        "Q",
        "photographs of faces",
        (b"JPEGOFAFACE",),
        {0x00880200: (b"SQ", [{0x00280010: (b"US", b"\1\0"), 0x7FE00010: (b"OW", b"JPEGOFAFACE0")}])},
    ),
    Identifier(
        "R",
        "any other unique number or code",
        (
            b"TRIAL-SUBJ-31",
            b"STUDY-771",
            b"S21-4711-A-2-1",
            b"BARCODE-S21",
            b"1.2.826.0.1.3680043.10.1947.77",
        ),
        texts(b"S21-4711-A-2-1")
        | {
            0x00120040: (b"LO", b"TRIAL-SUBJ-31"),
            0x00200010: (b"SH", b"STUDY-771"),
            0x00400512: (b"LO", b"S21-4711-A-2-1"),
            0x22000005: (b"LT", b"BARCODE-S21"),
            0x22000002: (b"UT", b"BARCODE-S21"),
            0x00200052: (b"UI", b"1.2.826.0.1.3680043.10.1947.77.1"),
            0x00080014: (b"UI", b"1.2.826.0.1.3680043.10.1947.77.2"),
        },
    ),
)
