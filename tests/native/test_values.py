"""What is looked for in a copy: not what stays in it rightly, however it is written, and every name all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import LeakError
from dicomanon.native import deidentify_native, plan
from dicomanon.native.values import Values
from tests.native.looked_at import found
from tests.native.native_slides import CANARY
from tests.native.planting import text_of_tag, with_text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def philips(corpus: Path) -> Path:
    return corpus / "slides/synthetic/synthetic-philips.tiff"


def document_without(slide: Path, *names: str) -> str:
    """Return the XML without some attributes."""
    text = text_of_tag(slide, 270).decode()
    for name in names:
        start = text.index(f'<Attribute Name="{name}"')
        text = text[:start] + text[text.index("</Attribute>", start) + len("</Attribute>") :]
    return text


def with_attribute(text: str, name: str, value: str) -> str:
    own = f'<Attribute Name="{name}" Group="0x1001" Element="0x0001" PMSVR="IString">{value}</Attribute>'
    return text.replace("</DataObject>", f"{own}</DataObject>")


@pytest.mark.parametrize("maker", ["PHILIPS", "Philips", "philips"])
def test_a_maker_in_capital_letters_is_no_leak_where_the_program_has_its_name(
    philips: Path, tmp_path: Path, maker: str
) -> None:
    text = document_without(philips, "DICOM_LOSSY_IMAGE_COMPRESSION_METHOD", "DICOM_DERIVATION_DESCRIPTION")
    slide = with_text(philips, tmp_path / "a.tiff", 270, text.replace(">PHILIPS<", f">{maker}<").encode())

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert text_of_tag(copy, 305) == b"Philips DP v1.0"
    assert b">XXXXXXX<" in text_of_tag(copy, 270)


@pytest.mark.parametrize("operator", ["operator", "SCANNER", "Attribute", "Element", "DataObject", "ISTRING"])
def test_a_value_that_is_a_word_of_the_format_is_no_leak(
    philips: Path, tmp_path: Path, operator: str
) -> None:
    text = document_without(philips, "PIIM_DP_SCANNER_OPERATOR_ID")
    text = with_attribute(text, "PIIM_DP_SCANNER_OPERATOR_ID", operator)
    slide = with_text(philips, tmp_path / "a.tiff", 270, text.encode())

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert f">{operator}<".encode() not in copy.read_bytes()
    assert b'"PIIM_DP_SCANNER_OPERATOR_ID"' in copy.read_bytes()


def test_a_name_is_still_looked_for_where_it_stands_in_a_field_that_stays(
    philips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = with_attribute(text_of_tag(philips, 270).decode(), "PIM_DP_SOURCE_FILE", "Johansson")
    text = with_attribute(text, "PIIM_DP_SCANNER_CALIBRATION_STATUS", "JOHANSSON")
    slide = with_text(philips, tmp_path / "a.tiff", 270, text.encode())

    copy = deidentify_native(slide, tmp_path / "out", "n1").path
    assert found(copy, ["Johansson"]) == []
    monkeypatch.setattr(plan, "overwrite_text", lambda _, raw, *__: raw)
    with pytest.raises(LeakError):
        deidentify_native(slide, tmp_path / "out", "n2")


def test_a_value_is_crossed_out_in_capital_and_small_letters() -> None:
    values = Values(frozenset((CANARY,)), (CANARY.encode(),))

    assert (
        values.crossed_out(f"a {CANARY.lower()} b {CANARY}".encode())
        == b"a " + b"X" * 20 + b" b " + b"X" * 20
    )
    assert values.crossed_out(b"nothing") == b"nothing"
