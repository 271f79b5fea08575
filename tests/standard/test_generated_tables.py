"""The data files are what the generator makes of the standard, and it reads nothing but what it is given."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

from dicomanon.errors import UsageError
from dicomanon.standard import stored
from dicomanon.standard.generate import tables
from dicomanon.standard.generate.__main__ import main
from dicomanon.standard.generate.docbook import Docbook
from dicomanon.standard.generate.edition import to_2026d

DATA = sorted(path.name for path in stored.FOLDER.glob("*.json"))


def book(folder: Path, text: str) -> Path:
    path = folder / "part15.xml"
    path.write_text(text)
    return path


def test_the_generator_reproduces_every_data_file(standard_folder: Path, tmp_path: Path) -> None:
    found = importlib.util.find_spec("highdicom")
    if found is None or found.origin is None:
        pytest.skip("highdicom missing: IOD tables cannot be made again")
    version = importlib.metadata.version("highdicom")
    if version not in stored.load("iods")["acknowledgement"]:
        pytest.skip(f"IOD tables are of another highdicom than {version}: generate them again")
    pydicom = importlib.metadata.version("pydicom")
    assert pydicom in stored.load("terms")["acknowledgement"], (
        "terms are of another pydicom: generate them again"
    )
    highdicom = Path(found.origin).parent / "_standard"

    main(
        [
            f"--docbook={standard_folder / 'part15-2026c.xml'}",
            f"--dictionary={standard_folder / 'dictionary-2026c.json'}",
            f"--highdicom={highdicom}",
            "--terms",
            f"--out={tmp_path}",
        ]
    )

    assert sorted(path.name for path in tmp_path.iterdir()) == DATA
    for name in DATA:
        assert (tmp_path / name).read_text() == (stored.FOLDER / name).read_text(), name


def test_the_book_has_one_row_less_than_the_edition_after_it(standard_folder: Path) -> None:
    source = Docbook(standard_folder / "part15-2026c.xml")

    before = tables.e1_1(source, "2026c")["rows"]
    after = tables.e1_1(source, "2026d")["rows"]

    assert source.edition() == "2026c"
    assert len(before) == 656
    added = [row for row in after if row not in before]
    assert [row[0] for row in added] == ["001811BB", "3004007F"]
    assert next(row for row in before if row not in after)[1] == "Acquisition Field Of View Label"


def test_a_step_refuses_a_table_it_was_not_made_for() -> None:
    with pytest.raises(UsageError, match="2026c"):
        to_2026d([["00100010", "Patient's Name", False, True, "Z", {}]])


def test_an_edition_no_step_leads_to_is_refused(standard_folder: Path) -> None:
    with pytest.raises(UsageError, match="no step"):
        tables.e1_1(Docbook(standard_folder / "part15-2026c.xml"), "2031a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<book",
        '<!DOCTYPE book [<!ENTITY x SYSTEM "file:///etc/hostname">]><book><title>&x;</title></book>',
        '<!DOCTYPE book SYSTEM "http://localhost/book.dtd"><book/>',
    ],
)
def test_a_book_that_is_broken_or_reaches_outside_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Docbook(book(tmp_path, text))


def test_a_book_without_the_table_is_refused(tmp_path: Path) -> None:
    source = Docbook(book(tmp_path, '<book xmlns="http://docbook.org/ns/docbook"/>'))

    with pytest.raises(UsageError, match=r"no Table E\.1-1"):
        source.table("E.1-1")
    with pytest.raises(UsageError, match="edition"):
        source.edition()


def test_a_missing_book_is_refused_without_writing(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        main([f"--docbook={tmp_path / 'none.xml'}", f"--out={tmp_path / 'data'}"])

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", DATA)
def test_each_data_file_acknowledges_the_standard(name: str) -> None:
    content = stored.load(name.removesuffix(".json"))

    assert content["acknowledgement"].startswith("DICOM PS3.")
    assert "(c) NEMA" in content["acknowledgement"]
    assert content.get("edition", "") in content["acknowledgement"]


def test_the_data_stays_small() -> None:
    assert sum(path.stat().st_size for path in stored.FOLDER.iterdir()) < 3_000_000
