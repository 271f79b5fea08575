from __future__ import annotations

import pytest

from dicomanon.characters import decode


@pytest.mark.parametrize(
    ("character_set", "codec", "text"),
    [
        (b"ISO_IR 100", "latin-1", "Jörgünßøn"),
        (b"ISO_IR 101", "iso8859-2", "Wałęsa"),
        (b"ISO_IR 109", "iso8859-3", "Ĝoĵo"),
        (b"ISO_IR 110", "iso8859-4", "Ķēniņš"),
        (b"ISO_IR 126", "iso8859-7", "Διονυσιος"),
        (b"ISO_IR 127", "iso8859-6", "قباني"),
        (b"ISO_IR 138", "iso8859-8", "שרון"),
        (b"ISO_IR 144", "iso8859-5", "Люксембург"),
        (b"ISO_IR 148", "iso8859-9", "Çavuşoğlu"),
        (b"ISO_IR 166", "iso8859-11", "นามสกุล"),
        (b"ISO_IR 13", "shift_jis", "ﾔﾏﾀﾞ"),
        (b"ISO_IR 192", "utf-8", "Wang^XiaoDong=王^小东"),
        (b"GB18030", "gb18030", "王^小东"),
        (b"GBK", "gbk", "王^小东"),
        (b"\\ISO 2022 IR 87", "iso2022_jp", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (b"ISO 2022 IR 6\\ISO 2022 IR 149", "iso2022_kr", "Hong^Gildong"),
        (b"\\ISO 2022 IR 100", "latin-1", "Jörg"),
        (b"ISO 2022 IR 100", "latin-1", "Jörg"),
    ],
)
def test_text_of_every_character_set_is_read(character_set: bytes, codec: str, text: str) -> None:
    raw = text.encode(codec).removeprefix(b"\x1b$)C")

    assert decode(raw, character_set) == text


@pytest.mark.parametrize(
    "character_set",
    [b"", b"ISO_IR 192", b"ISO_IR 100", b"GBK", b"nonsense", b"a\\b", b"\\ISO 2022 IR 87", b"\xff"],
)
def test_nothing_is_lost_where_the_character_set_lies(character_set: bytes) -> None:
    text = decode(b"SMITH\xff\xfe\x80^ANN", character_set)

    assert "SMITH" in text
    assert text.endswith("^ANN")


def test_ascii_is_ascii_in_every_character_set() -> None:
    for character_set in (b"", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"GB18030", b"nonsense"):
        assert decode(b"Smith^Ann", character_set) == "Smith^Ann"
