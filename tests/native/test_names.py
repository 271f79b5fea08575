"""Names of elements, attributes, lines and sections, which may be anybody's; instructions, comments and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import CorruptSlideError, DicomanonError
from dicomanon.native import deidentify_native
from tests.native.looked_at import as_openslide_sees, found
from tests.native.planting import ini_of, mrxs, text_of_tag, with_ini, with_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAME = "DOE_JANE"


def with_attributes(text: str, end: str) -> str:
    """Give a known element an attribute that it has not."""
    for element in ("Attribute", "ImageInfo"):
        text = text.replace(f"<{element} ", f"<{element} {NAME}='1' ", 1)
    return text.replace(end, f"<Array {NAME}='1'/>{end}")


IN_XML: Mapping[str, Callable[[str, str], str]] = {
    "element": lambda text, end: text.replace(end, f"<{NAME}/>{end}"),
    "element with a prefix": lambda text, end: text.replace(
        end, f'<DOE_JANE:x xmlns:DOE_JANE="{NAME}"/>{end}'
    ),
    "two of one length": lambda text, end: text.replace(end, f'<y {NAME}="1" EOD_ENAJ="2"/>{end}'),
    "element around a text": lambda text, end: text.replace(end, f"<{NAME}>{NAME}</{NAME}>{end}"),
    "attribute": lambda text, end: text.replace(end, f'<z {NAME}="1"/>{end}'),
    "attribute of a known element": with_attributes,
    "instruction": lambda text, end: text.replace(end, f"<?{NAME} {NAME}?>{end}"),
    "instruction behind": lambda text, _: f"{text}<?xpacket {NAME}?>",
    "comment": lambda text, end: text.replace(end, f"<!-- {NAME} -->{end}"),
    "comment behind": lambda text, _: f"{text}<!--{NAME}-->",
    "text": lambda text, end: text.replace(end, f"{NAME}{end}"),
    "plain data": lambda text, end: text.replace(end, f"<w><![CDATA[{NAME}]]></w>{end}"),
    "a kind of object": lambda text, end: text.replace(
        end, f'<DataObject ObjectType="UFSImage{NAME}"/>{end}'
    ),
    "a direction": lambda text, end: text.replace(end, f'<TileJointInfo Direction="{NAME}"/>{end}'),
    "encoding": lambda text, _: text.replace('encoding="', f'encoding="{NAME}', 1),
    "document type": lambda text, _: text.replace("?>", f"?><!DOCTYPE {NAME}>", 1),
    "behind a zero": lambda text, _: f"{text}\0{NAME}",
}


@pytest.mark.parametrize("place", IN_XML)
@pytest.mark.parametrize("name", ["philips.tiff", "bif.bif"])
def test_a_name_in_xml_goes_wherever_it_stands(corpus: Path, tmp_path: Path, name: str, place: str) -> None:
    original = corpus / f"slides/synthetic/synthetic-{name}"
    tag, page, end = (270, 0, "</DataObject>") if name == "philips.tiff" else (700, 2, "</EncodeInfo>")
    text = IN_XML[place](text_of_tag(original, tag, page).decode(), end)
    slide = with_text(original, tmp_path / f"a.{name}", tag, text.encode(), page)
    assert found(slide, [NAME]) == [NAME]

    try:
        copy = deidentify_native(slide, tmp_path / "out", "n1").path
    except DicomanonError as error:
        assert place in ("encoding", "document type", "behind a zero", "plain data", "a direction")
        assert "DOE" not in str(error)  # noqa: PT017
        return

    assert found(copy, [NAME, "EOD_ENAJ", "DOE", "JANE"]) == []
    assert as_openslide_sees(copy) == as_openslide_sees(original)


IN_INI = {
    "name of a line": f"[GENERAL]\n{NAME} = 3\n",
    "name of a line in a section of structure": f"[HIERARCHICAL]\n{NAME} = 3\n",
    "name with blanks": f"[GENERAL]\n  {NAME} of\tMiller =3\n",
    "section": f"[{NAME}]\nSLIDE_VERSION = 01.02\n",
    "section in front of a number": f"[LAYER_0_{NAME}]\nOVERLAP_X = 0\n",
    "comment": f"; {NAME}\n",
    "line of nothing": f"{NAME}\n",
    "second value": f"[GENERAL]\nSLIDE_NAME = 1 = {NAME}\n",
    "name of a file that is not there": f"[DATAFILE]\nFILE_7 = {NAME}.dat\n",
    "second identifier": f"[GENERAL]\nSLIDE_ID2 = {NAME}\n",
}


@pytest.mark.parametrize("place", IN_INI)
def test_a_name_in_slidedat_goes_wherever_it_stands(corpus: Path, tmp_path: Path, place: str) -> None:
    slide = mrxs(corpus / "slides/synthetic", tmp_path / "in")
    before = as_openslide_sees(slide)
    text = ini_of(slide)
    lines = IN_INI[place]
    front, _, rest = lines.partition("\n")
    text = text.replace(f"{front}\n", lines) if front in text and rest else f"{text.rstrip()}\n{lines}"
    with_ini(slide, text)
    assert found(slide, [NAME]) == [NAME]

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(copy, [NAME, "Miller", "DOE", "JANE"]) == []
    assert as_openslide_sees(copy) == before


def test_xml_that_is_not_in_utf_8_is_refused(corpus: Path, tmp_path: Path) -> None:
    original = corpus / "slides/synthetic/synthetic-bif.bif"
    text = text_of_tag(original, 700, 0).decode().replace("utf-8", "utf-16")
    slide = with_text(original, tmp_path / "a.bif", 700, text.encode("utf-16"), 0)

    with pytest.raises(CorruptSlideError):
        deidentify_native(slide, tmp_path / "out", "n1")
