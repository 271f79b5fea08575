"""The data dictionary of PS3.6, in the shape of our data file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dicomanon.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def dictionary(path: Path) -> dict[str, Any]:
    """Return every entry that has a VR; tags keep a small x where any digit may stand."""
    try:
        source = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path.name} cannot be read as a dictionary") from error
    rows = [
        [
            _upper(entry["tag"]),
            " ".join(entry["vr"]),
            entry["keyword"],
            entry["name"],
            entry["vm"],
            int(entry["retired"]),
        ]
        for entry in source["entries"]
        if entry["vr"]
    ]
    edition = source["standard"].split()[2]
    return {
        "acknowledgement": f"DICOM PS3.6 {edition}, (c) NEMA",
        "edition": edition,
        "vrs": sorted({row[1] for row in rows}),
        "rows": rows,
    }


def tags(table: dict[str, Any]) -> dict[str, str]:
    """Return tags by keyword; of a repeating group, its first member."""
    return {row[2]: row[0].replace("x", "0") for row in table["rows"] if row[2]}


def _upper(tag: str) -> str:
    return tag.upper().replace("X", "x")
