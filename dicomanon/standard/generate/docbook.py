"""Tables out of a part of the standard as NEMA publishes it in DocBook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from dicomanon.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

DOCBOOK = "{http://docbook.org/ns/docbook}"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


class Docbook:
    """One part of the standard; nothing outside the file is read, and a DTD is refused."""

    def __init__(self, path: Path) -> None:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            tree = etree.parse(path, parser)
        except (OSError, etree.XMLSyntaxError) as error:
            raise UsageError(f"{path.name} cannot be read as DocBook") from error
        if tree.docinfo.internalDTD is not None:
            raise UsageError(f"{path.name} has a document type declaration")
        self._name = path.name
        self._root = tree.getroot()

    def edition(self) -> str:
        """Return the edition, such as 2026c, from the subtitle of the book."""
        subtitle = self._root.findtext(f"{DOCBOOK}subtitle", default="")
        words = subtitle.split()
        if words[:1] != ["DICOM"] or len(words) < 3:
            raise UsageError(f"{self._name} does not say which edition it is")
        return words[2]

    def table(self, label: str) -> list[list[str]]:
        """Return the body of the table with this label as text, a list per row, white space collapsed."""
        for table in self._root.iter(f"{DOCBOOK}table"):
            if table.get("label") == label:
                body = table.find(f"{DOCBOOK}tbody")
                rows = [] if body is None else body.findall(f"{DOCBOOK}tr")
                return [[_text(cell) for cell in row.findall(f"{DOCBOOK}td")] for row in rows]
        raise UsageError(f"{self._name} has no Table {label}")


def _text(cell: etree._Element) -> str:
    text = "".join(str(part) for part in cell.itertext())
    return " ".join(text.replace("\u200b", "").split())
