"""The DICOM Conformance Statement (PS3.2 Annex N), made from compiled profiles and a node's configuration.

`template.toml` has the prose, the other modules the tables, read from the code that does what they say.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon import __version__, standard
from dicomanon.node.sameness import BLOCK, BLOCKS
from dicomanon.pseudonym import KEY_BYTES, SHIFT_DAYS
from dicomanon.statement import network, pixels
from dicomanon.statement.markdown import as_markdown
from dicomanon.statement.model import Statement
from dicomanon.statement.page import as_page
from dicomanon.statement.subject import Subject, of_config, of_profile
from dicomanon.statement.tables import tables
from dicomanon.statement.template import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "FORMATS",
    "Statement",
    "Subject",
    "as_markdown",
    "as_page",
    "of_config",
    "of_profile",
    "statement",
]

FORMATS: Mapping[str, Callable[[Statement], str]] = MappingProxyType(
    {"html": as_page, "markdown": as_markdown}
)
FILES_ONLY = (
    "This statement describes the file tools, which open no connection; with --config it describes a node."
)


def statement(subject: Subject) -> Statement:
    """Return the statement of what is described, in the order of PS3.2 Annex N."""
    config = subject.config
    words = {
        "acknowledgement": standard.ACKNOWLEDGEMENT,
        "ae": subject.entity,
        "files_only": FILES_ONLY,
        "key_bytes": str(KEY_BYTES),
        "shift_days": f"{SHIFT_DAYS:,}",
        "digest_bytes": f"{BLOCK * BLOCKS:,}",
        **pixels.facts(subject),
        **(network.facts(config) if config else {}),
    }
    cover = (
        ("Product", "dicomanon"),
        ("Version", __version__),
        ("Date", subject.day),
        ("Describes", f"Application Entity {subject.entity}, a node" if config else "the file tools"),
        ("De-identification", "; ".join(policy.name for policy in subject.policies)),
        ("Edition of PS3.15", standard.EDITION),
        ("Digest of the rules", "; ".join(policy.digest for policy in subject.policies)),
        ("Acknowledgement", f"{standard.ACKNOWLEDGEMENT}; DICOM PS3.2, PS3.3, PS3.6, PS3.16, (c) NEMA"),
    )
    sections = fill("node" if config else "files", tables(subject), words)
    return Statement("DICOM Conformance Statement", cover, sections)
