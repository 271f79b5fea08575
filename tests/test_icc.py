from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from dicomanon.errors import MalformedError
from dicomanon.icc import without_text
from tests.canary_places import icc_profile
from tests.verify.made import Elements, cleaned, identity, value_at

TEXT = "CANARYCOPYRIGHT"
MADE = icc_profile(TEXT)
INTENTS = list(ImageCms.Intent)


def table(profile: bytes) -> dict[bytes, bytes]:
    count = int.from_bytes(profile[128:132], "big")
    found = {}
    for at in range(132, 132 + 12 * count, 12):
        offset, size = struct.unpack(">II", profile[at + 4 : at + 12])
        found[profile[at : at + 4]] = profile[offset : offset + size]
    return found


def old_profile(*tags: tuple[bytes, bytes]) -> bytes:
    """Return a version 2 profile that has these tags beside the colour tags of sRGB."""
    colour = [(name, data) for name, data in table(MADE).items() if name not in (b"cprt", b"desc")]
    return with_tags(MADE[:128], [*colour, *tags])


def with_tags(header: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    at = 132 + 12 * len(tags)
    rows, body = b"", b""
    for name, data in tags:
        padded = data + bytes(-len(data) % 4)
        rows += name + struct.pack(">II", at + len(body), len(data))
        body += padded
    return (at + len(body)).to_bytes(4, "big") + header[4:] + len(tags).to_bytes(4, "big") + rows + body


def desc(text: bytes) -> bytes:
    """Return a textDescriptionType: ASCII, Unicode and Macintosh text (ICC.1:2001-04 6.5.17)."""
    wide = text.decode().encode("utf-16-be")
    count = struct.pack(">I", len(text) + 1)
    unicode = struct.pack(">II", 0, len(text)) + wide
    return (
        b"desc\0\0\0\0"
        + count
        + text
        + b"\0"
        + unicode
        + struct.pack(">HB", 0, len(text))
        + text.ljust(67, b"\0")
    )


def pixels() -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, (64, 64, 3), np.uint8)
    return Image.fromarray(values)


def seen(profile: bytes, intent: ImageCms.Intent) -> bytes:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    lab = ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(source, lab, "RGB", "LAB", renderingIntent=intent)
    done = ImageCms.applyTransform(pixels(), transform)
    assert done is not None
    return done.tobytes()


def test_the_text_of_a_profile_is_gone_in_both_of_its_encodings() -> None:
    new, texts = without_text(MADE)

    assert TEXT.encode("utf-16-be") in MADE
    for needle in (TEXT.encode(), TEXT.encode("utf-16-be"), b"sRGB", "sRGB".encode("utf-16-be")):
        assert needle not in new
    assert any(TEXT.encode() in text for text in texts)
    assert len(new) == len(MADE)


@pytest.mark.parametrize("intent", INTENTS)
def test_every_colour_looks_as_before(intent: ImageCms.Intent) -> None:
    assert seen(without_text(MADE)[0], intent) == seen(MADE, intent)


def test_every_kind_of_text_tag_is_blanked() -> None:
    words = b"CANARYWORDS"
    profile = old_profile(
        (b"cprt", b"text\0\0\0\0" + words + b"\0"),
        (b"desc", desc(words)),
        (b"dmnd", desc(words)),
        (b"targ", b"text\0\0\0\0" + words + b"\0"),
        (b"calt", b"dtim\0\0\0\0" + struct.pack(">6H", 2021, 3, 17, 9, 17, 33)),
        (b"mmod", b"mmod\0\0\0\0" + words),
        (b"PRIV", b"blob\0\0\0\0" + words),
    )

    new, texts = without_text(profile)

    assert words not in new
    assert words.decode().encode("utf-16-be") not in new
    assert struct.pack(">3H", 2021, 3, 17) not in new
    assert sum(words in text for text in texts) >= 6
    assert set(table(new)) == set(table(profile))
    assert seen(new, ImageCms.Intent.PERCEPTUAL) == seen(profile, ImageCms.Intent.PERCEPTUAL)


def test_date_device_and_creator_of_the_header_are_overwritten() -> None:
    dated = bytearray(MADE)
    dated[24:36] = struct.pack(">6H", 2021, 3, 17, 9, 17, 33)
    dated[48:64], dated[80:84], dated[84:100] = b"CANARYMAKERMODEL", b"SITE", b"CANARYPROFILE-ID"

    new = without_text(bytes(dated))[0]

    assert b"CANARY" not in new
    assert b"SITE" not in new
    assert new[24:36] == bytes.fromhex("076c00010001000000000000")
    assert seen(new, ImageCms.Intent.PERCEPTUAL) == seen(MADE, ImageCms.Intent.PERCEPTUAL)


def test_what_no_tag_points_at_is_zeroed() -> None:
    assert b"CANARYBEHIND" not in without_text(MADE + b"CANARYBEHIND")[0]


def test_doing_it_twice_changes_nothing_more() -> None:
    once = without_text(MADE)[0]

    assert without_text(once)[0] == once


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"CANARY" * 40,
        MADE[:131],
        MADE[:140],
        MADE[:128] + b"\xff\xff\xff\xff" + MADE[132:],
        MADE[:136] + b"\0\0\0\0" + MADE[140:],
        MADE[:136] + b"\xff\xff\xff\x00" + MADE[140:],
        MADE[:140] + b"\xff\xff\xff\x00" + MADE[144:],
    ],
)
def test_a_broken_profile_is_refused_by_name(profile: bytes) -> None:
    with pytest.raises(MalformedError, match=r"ICC Profile.*\(0028,2000\)"):
        without_text(profile)


def test_the_profile_of_an_optical_path_leaves_clean() -> None:
    path: Elements = {0x00480106: (b"SH", b"1"), 0x00282000: (b"OB", MADE + bytes(len(MADE) % 2))}
    found = cleaned(identity() | {0x00480105: (b"SQ", [path])})

    new = value_at(found, 0x00480105, 0x00282000)
    assert TEXT.encode("utf-16-be") not in new
    assert new.startswith(without_text(MADE)[0].rstrip(b"\0 "))


@pytest.mark.parametrize(("at", "kept"), [(4, b""), (40, b"APPL"), (48, b""), (52, b""), (80, b"")])
def test_four_letters_in_the_head_say_nothing_unless_the_standard_names_them(at: int, kept: bytes) -> None:
    profile = bytearray(MADE)
    profile[at : at + 4] = b"ZOE "
    known = bytearray(MADE)
    known[at : at + 4] = kept or known[at : at + 4]

    assert b"ZOE " not in without_text(bytes(profile))[0]
    assert not kept or without_text(bytes(known))[0][at : at + 4] == kept


def test_flags_of_a_maker_go_and_those_of_the_standard_stay() -> None:
    profile = bytearray(MADE)
    profile[44:48] = b"ZO\0\3"

    assert without_text(bytes(profile))[0][44:48] == b"\0\0\0\3"
