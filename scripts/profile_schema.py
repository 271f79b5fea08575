"""Write profiles/profile.schema.json: what a profile may say, for editors, from the tables that the program reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dicomanon.profile import load_option, option_keywords, shipped_names
from dicomanon.profile.codes import CODE_KEYS, LONGEST
from dicomanon.profile.files import KINDS
from dicomanon.profile.objects import OBJECT_POLICIES, OBJECTS
from dicomanon.profile.overrides import KEYS, OVERRIDE_ACTIONS, OVERRIDE_VRS, SELECTORS, actions_of_vr
from dicomanon.profile.pixels import DEFAULTS, LONGEST_PROJECT, ONLY_FOR, WORDS
from dicomanon.profile.private import ELEMENT, PRIVATE_KEYS
from dicomanon.profile.rule import VRS
from dicomanon.profile.slides import SLIDE_DEFAULTS, SLIDE_WORDS

FILE = Path(__file__).resolve().parents[1] / "profiles" / "profile.schema.json"
TAG = r"\(?[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}\)?"
ATTRIBUTE = rf"([A-Z][A-Za-z0-9]*|{TAG})"
TOLD = {
    "name": "What outputs say the profile is; without it the name of the file.",
    "title": "What the profile is for, in one line.",
    "extends": "A shipped profile, or the path of a TOML file: this one changes it.",
    "anonymous": "What it makes is anonymous only while nobody keeps the key: a run with a key says so.",
    "options": "Options of PS3.15 E.3 and for pathology.",
    "slides": "How vendor slides are converted where pixels cannot pass as they are.",
    "pixels": "Which images leave and how, by Image Type value 3; burned-in is for those that say YES.",
    "masks": "Files of masks in the format of the RSNA CTP, beside the profile: where devices burn text into pictures.",
    "override": "What becomes of attributes; a reason each.",
    "forbids": "Options that would make the profile another one: refused with it.",
    "objects": "What becomes of objects that cannot be de-identified, by kind.",
    "words": "Words and terms that descriptions may keep, beside those known anyway (clean-descriptors).",
    "private": "Private attributes that the site knows to be safe (retain-safe-private).",
    "code": "Local codes that say nothing of persons or cases: they stay, with this meaning.",
    "scheme": "Coding Scheme Designator, as 99LAB.",
    "value": "Code Value.",
    "meaning": "Code Meaning that is written beside it.",
    "creator": "The private creator, as it stands in the first element of a block.",
    "element": "Group and low byte of the element, as (0029,xx10).",
    "keyword": "An attribute wherever it stands, by its keyword in PS3.6.",
    "tag": "An attribute wherever it stands, by its tag.",
    "path": "One place: tags or keywords from the top level down, or anywhere after */.",
    "vr": "All attributes of a VR.",
    "action": "What is done, in the letters of PS3.15 Table E.1-1a; those with a choice go by the Type in the IOD.",
    "reason": "Why; explain shows it.",
}

POLICIES = "What becomes of such images; crop is for OVERVIEW only, replace for LABEL."
TOLD_OF_PIXELS = {
    "recognizable": "What becomes of images that may show a face, by their SOP Class or what they say.",
    "fill": "The colour that covers what was found.",
    "code": "The code on a label that replaces another.",
    "project": "The first line of a label that replaces another; without it the name of the profile.",
    "search": "How wide a pixel is, in micrometres on the slide, where tissue is looked at: 0.1 to 100.",
}
TOLD_OF_SLIDES = {
    "quality": "The quality of JPEG where pixels have to be encoded again: 1 to 100.",
    "exact": "What becomes of pixels that were never compressed with loss: JPEG 2000 without loss, or JPEG.",
    "levels": "What becomes of a pyramid that lacks levels.",
}
NUMBER = r"^\s*\+?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?\s*$"
"""Numbers as people write them; the range is the program's to check."""


def schema() -> dict[str, Any]:
    """Return the schema, JSON Schema draft 7."""
    properties: dict[str, dict[str, Any]] = {key: {"type": "string"} for key in KINDS}
    properties["extends"] = {"anyOf": [{"enum": shipped_names()}, {"type": "string", "pattern": r"\.toml$"}]}
    properties["anonymous"] = {"type": "boolean"}
    properties["options"] = {
        "type": "array",
        "items": {"anyOf": [_option(word) for word in option_keywords()]},
    }
    properties["pixels"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {setting: _pixels(setting) for setting in DEFAULTS},
    }
    properties["slides"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {setting: _slides(setting) for setting in SLIDE_DEFAULTS},
    }
    properties["masks"] = {"type": "array", "items": {"type": "string", "minLength": 1}}
    properties["objects"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"type": "string", "enum": sorted(OBJECT_POLICIES)} for key in OBJECTS},
    }
    properties["forbids"] = {"type": "array", "items": {"enum": option_keywords()}}
    properties["words"] = {"type": "array", "items": {"type": "string", "minLength": 1}}
    properties["private"] = {"type": "array", "items": _private()}
    properties["code"] = {"type": "array", "items": _code()}
    properties["override"] = {"type": "array", "items": _override()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "dicomanon profile",
        "description": "Made by scripts/profile_schema.py.",
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"description": TOLD[key]} | value for key, value in properties.items()},
    }


def _pixels(setting: str) -> dict[str, Any]:
    limits: dict[str, dict[str, Any]] = {
        "project": {"maxLength": LONGEST_PROJECT},
        "search": {"pattern": NUMBER},
    }
    words = sorted(word for word in WORDS.get(setting, ()) if ONLY_FOR.get(word, setting) == setting)
    said = {"enum": words} if words else limits[setting]
    return {"type": "string", "description": TOLD_OF_PIXELS.get(setting, POLICIES)} | said


def _slides(setting: str) -> dict[str, Any]:
    words = sorted(SLIDE_WORDS.get(setting, ()))
    said = {"enum": words} if words else {"pattern": r"^([1-9][0-9]?|100)$"}
    return {"type": "string", "description": TOLD_OF_SLIDES[setting]} | said


def _option(word: str) -> dict[str, Any]:
    return {"const": word, "description": load_option(word).meaning}


def _private() -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = {
        "creator": {"type": "string", "minLength": 1},
        "element": {"type": "string", "pattern": f"^{ELEMENT}$"},
        "vr": {"type": "string", "enum": sorted(VRS)},
        "reason": {"type": "string", "minLength": 1},
    }
    assert set(properties) == PRIVATE_KEYS  # noqa: S101  # the schema is of what the program reads
    told = TOLD | {"vr": "The VR it is known to have.", "reason": "Which documentation says so."}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(PRIVATE_KEYS),
        "properties": {key: {"description": told[key]} | value for key, value in properties.items()},
    }


def _code() -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = {
        key: {"type": "string", "minLength": 1, "maxLength": longest} for key, longest in LONGEST.items()
    }
    properties["reason"] = {"type": "string", "minLength": 1}
    assert set(properties) == CODE_KEYS  # noqa: S101  # the schema is of what the program reads
    told = TOLD | {"reason": "Which list it is of."}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(CODE_KEYS),
        "properties": {key: {"description": told[key]} | value for key, value in properties.items()},
    }


def _override() -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = {
        "keyword": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$"},
        "tag": {"type": "string", "pattern": f"^{TAG}$"},
        "path": {"type": "string", "pattern": rf"^(\*/)?{ATTRIBUTE}(/{ATTRIBUTE})*$"},
        "vr": {"type": "string", "enum": list(OVERRIDE_VRS)},
        "action": {"type": "string", "enum": list(OVERRIDE_ACTIONS)},
        "reason": {"type": "string", "minLength": 1},
    }
    assert set(properties) == KEYS  # noqa: S101  # the schema is of what the program reads
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["action", "reason"],
        "properties": {key: {"description": TOLD[key]} | value for key, value in properties.items()},
        "oneOf": [{"required": [key]} for key in SELECTORS],
        "allOf": [
            {
                "if": {"required": ["vr"], "properties": {"vr": {"const": vr}}},
                "then": {"properties": {"action": {"enum": actions_of_vr(vr)}}},
            }
            for vr in OVERRIDE_VRS
        ],
    }


def written() -> str:
    """Return the schema as it is stored."""
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
