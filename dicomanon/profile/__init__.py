"""Profiles: short TOML files compiled with Table E.1-1 into one rule for every attribute there can be."""

from dicomanon.profile.compile import DEFAULT, load_profile
from dicomanon.profile.files import shipped_folder, shipped_names
from dicomanon.profile.options import Option, load_option, option_keywords
from dicomanon.profile.pixels import FLAVOURS, PIXEL_POLICIES
from dicomanon.profile.rule import CLEANERS, CODES, Profile, Rule
from dicomanon.profile.words import nearest, parse_path, parse_tag

__all__ = [
    "CLEANERS",
    "CODES",
    "DEFAULT",
    "FLAVOURS",
    "PIXEL_POLICIES",
    "Option",
    "Profile",
    "Rule",
    "load_option",
    "load_profile",
    "nearest",
    "option_keywords",
    "parse_path",
    "parse_tag",
    "shipped_folder",
    "shipped_names",
]
