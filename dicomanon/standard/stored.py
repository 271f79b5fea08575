"""The generated tables as they lie in `data/`: one JSON file each, read when first asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EDITION = "2026d"
"""The edition of PS3.15 whose tables these are."""

ACKNOWLEDGEMENT = f"DICOM PS3.15 {EDITION}, (c) NEMA"
"""The words NEMA asks for wherever its tables are copied; each data file repeats those of its own source."""

FOLDER = Path(__file__).parent / "data"


def load(name: str) -> Any:
    """Return the content of `data/<name>.json`; a damaged installation raises OSError or ValueError."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
