"""A name in every place that stays: what the place cannot mean does not leave."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import openslide
import pytest

from dicomanon.errors import DicomanonError
from dicomanon.native import deidentify_native
from dicomanon.native.kept import BLOBS, FORMS, crossed, kept_value
from dicomanon.native.meanings import HAMAMATSU_MEANINGS
from dicomanon.sources import catalogue
from tests.native.looked_at import found
from tests.native.native_slides import aperio
from tests.native.planting import ini_of, mrxs, text_of_tag, with_ini, with_text

if TYPE_CHECKING:
    from pathlib import Path

NAME = "DOE^JANE S26-77001"
SAID = (
    *("DOE^JANE", "Jane Doe", "DOE", "S26-77001", "31881314", "1963-03-11", "03/11/1963", "03.11.1963"),
    *("19630311", "UFSImageJaneDoe", "ScanDataLayer_JaneDoe", "PHILIPS_DOE_JANE", "K. Doe", "MRN3188131"),
    *("level=1 mag=20 Jane", '"Jane" "Doe"', "&#68;&#79;&#69;", "20 by Doe", "vDOE", "Data0000.dat Doe"),
)
BINARY = frozenset(("tag 65426", "tag 65432", "tag 65324", "tag 65325"))


def kept_places(name: str) -> list[str]:
    return [row.place for row in catalogue(name).values() if row.native == "keep"]


@pytest.mark.parametrize("name", FORMS)
def test_every_place_that_stays_says_what_it_can_hold(name: str) -> None:
    for place in kept_places(name):
        number = place.removeprefix("tag ")
        known = place in FORMS[name] or (name, place) in BLOBS or place in BINARY
        assert known or int(number) in HAMAMATSU_MEANINGS, place


@pytest.mark.parametrize("name", FORMS)
def test_nothing_that_a_person_could_say_stays_in_a_place_that_stays(name: str) -> None:
    for place in kept_places(name):
        for said in SAID:
            new = kept_value(name, place, said.encode())

            assert len(new) == len(said)
            left = re.sub("level|mag|16777215", "", new.decode())
            assert not re.search(r"[A-WYZa-z]{2}|[1-9]\d{3}", left), (place, new)


@pytest.mark.parametrize("place", kept_places("aperio"))
def test_a_name_in_a_field_of_aperio_that_stays_does_not_leave(tmp_path: Path, place: str) -> None:
    key = place.rpartition("/")[2]
    if place == "Software":
        slide = aperio(tmp_path / "a.svs", extratags=[(305, 2, 0, f"Aperio {NAME}", True)])
    elif key == "ImageDescription":
        slide = with_text(
            aperio(tmp_path / "b.svs"),
            tmp_path / "a.svs",
            270,
            f"Aperio Image Library {NAME}|MPP = 0.5".encode(),
        )
    else:
        slide = aperio(tmp_path / "a.svs", f"|{key} = {NAME}")
    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(slide, [NAME]) == [NAME]
    assert found(copy, [NAME, "DOE^JANE", "S26-77001"]) == []


def copied(slide: Path, folder: Path) -> Path | None:
    """Return a copy, None where the slide is refused; nothing that was planted may be in either."""
    try:
        copy = deidentify_native(slide, folder, "n1").path
    except DicomanonError as error:
        assert "DOE" not in str(error)  # noqa: PT017
        return None
    assert found(slide, [NAME]) == [NAME]
    assert found(copy, [NAME, "DOE^JANE", "S26-77001"]) == []
    return copy


def test_a_name_in_a_place_of_hamamatsu_that_stays_does_not_leave(corpus: Path, tmp_path: Path) -> None:
    slide = corpus / "slides/synthetic/synthetic-ndpi.ndpi"
    properties = text_of_tag(slide, 65449)
    copies = 0
    for number, place in enumerate(kept_places("hamamatsu")):
        key = place.partition("/")[2]
        target = tmp_path / f"a{number}.ndpi"
        if key:
            text = (
                re.sub(rf"(?m)^{re.escape(key)}=.*$".encode(), b"", properties) + f"\r\n{key}={NAME}".encode()
            )
            with_text(slide, target, 65449, text)
        elif place in ("Make", "Model", "Software"):
            with_text(slide, target, {"Make": 271, "Model": 272, "Software": 305}[place], NAME.encode())
        else:
            continue
        copies += copied(target, tmp_path / f"out{number}") is not None
    assert copies > 10


def test_a_name_in_a_place_of_philips_that_stays_does_not_leave(corpus: Path, tmp_path: Path) -> None:
    slide = corpus / "slides/synthetic/synthetic-philips.tiff"
    document = text_of_tag(slide, 270).decode()
    copies = 0
    for number, place in enumerate(kept_places("philips")):
        key = place.partition("/")[2]
        target = tmp_path / f"a{number}.tiff"
        if key in ("level", ""):
            tag, page, text = (270, 1, NAME) if key else (305, 0, f"Philips DP v1.0 {NAME}")
            with_text(slide, target, tag, text.encode(), page)
        else:
            own = (
                f'<Attribute Name="{key}" Group="0x1001" Element="0x0001" PMSVR="IString">{NAME}</Attribute>'
            )
            with_text(slide, target, 270, document.replace("</DataObject>", f"{own}</DataObject>").encode())
        copy = copied(target, tmp_path / f"out{number}")
        if copy is not None and key != "DICOM_PIXEL_SPACING":
            copies += 1
            with openslide.OpenSlide(copy) as new, openslide.OpenSlide(target) as old:
                assert new.level_dimensions == old.level_dimensions
    assert copies > 20


def test_a_name_in_a_place_of_ventana_that_stays_does_not_leave(corpus: Path, tmp_path: Path) -> None:
    slide = corpus / "slides/synthetic/synthetic-bif.bif"
    documents = {page: text_of_tag(slide, 700, page).decode() for page in (0, 2)}
    copies = 0
    for number, place in enumerate(kept_places("ventana")):
        target = tmp_path / f"a{number}.bif"
        _, element, key = [*place.split("/"), "", ""][:3]
        if not key:
            with_text(slide, target, 270, NAME.encode(), 1)
        else:
            page = 0 if element == "iScan" else 2
            own = re.sub(rf' {re.escape(key)}="[^"]*"', "", documents[page])
            own = re.sub(rf"<({element}\d?)\b", rf'<\1 {key}="{NAME}"', own, count=1)
            if NAME not in own:
                own = own.replace("</EncodeInfo>", f'<{element} {key}="{NAME}"/></EncodeInfo>')
            with_text(slide, target, 700, own.encode(), page)
        copies += copied(target, tmp_path / f"out{number}") is not None
    assert copies > 25


def test_a_name_in_a_place_of_mirax_that_stays_does_not_leave(corpus: Path, tmp_path: Path) -> None:
    copies = 0
    for number, place in enumerate(kept_places("mirax")):
        slide = mrxs(corpus / "slides/synthetic", tmp_path / f"in{number}")
        _, section, key = place.replace("_n_", "_0_").split("/")
        text = ini_of(slide)
        key = "HIER_9_NAME" if key == "*" else key
        text = re.sub(rf"(?m)^{key} = .*\n", "", text)
        copies += (
            copied(
                with_ini(slide, text.replace(f"[{section}]\n", f"[{section}]\n{key} = {NAME}\n")),
                tmp_path / f"out{number}",
            )
            is not None
        )
    assert copies > 30


def test_words_of_a_profile_in_base64_go_and_what_is_none_goes_whole(corpus: Path, tmp_path: Path) -> None:
    import base64

    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = profile.index(b"cprt")
    offset = int.from_bytes(profile[at + 4 : at + 8], "big")
    length = int.from_bytes(profile[at + 8 : at + 12], "big")
    profile[offset : offset + length] = (b"text\0\0\0\0" + NAME.encode())[:length].ljust(length, b"\0")
    slide = corpus / "slides/synthetic/synthetic-philips.tiff"
    document = text_of_tag(slide, 270).decode()
    for number, value in enumerate((base64.b64encode(profile).decode(), NAME)):
        own = f'<Attribute Name="DICOM_ICCPROFILE" Group="0x0028" Element="0x2000" PMSVR="IString">{value}</Attribute>'
        target = with_text(
            slide,
            tmp_path / f"a{number}.tiff",
            270,
            document.replace("</DataObject>", f"{own}</DataObject>").encode(),
        )
        copy = deidentify_native(target, tmp_path / "out", f"n{number}").path

        assert found(target, [NAME]) == [NAME]
        assert found(copy, [NAME]) == []
        left = re.search(rb"DICOM_ICCPROFILE[^>]*>([^<]*)<", copy.read_bytes())
        assert left
        assert left[1] == crossed(NAME.encode()) if number else base64.b64decode(left[1])[36:40] == b"acsp"
