"""One JSON file per table, one row per line, so that a new edition shows as a readable difference."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def compact(value: object) -> str:
    """Return `value` as JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """Write `content` to `<name>.json`, the members of its lists and maps one to a line."""
    parts = []
    for key, value in content.items():
        if isinstance(value, dict):
            inner = ",\n".join(f"{compact(k)}:{compact(v)}" for k, v in value.items())
            text = f"{{\n{inner}\n}}" if value else "{}"
        elif isinstance(value, list):
            inner = ",\n".join(compact(row) for row in value)
            text = f"[\n{inner}\n]" if value else "[]"
        else:
            text = compact(value)
        parts.append(f"{compact(key)}:{text}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
