"""What a statement says of pixels: policies, what is looked for and how it is covered, limits, and what is claimed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.uid import UID

from dicomanon.part10.encoding import ENCAPSULATED, ENCAPSULATED_UNCOMPRESSED, TRANSFER_SYNTAXES, VIDEO
from dicomanon.pixels import TREATED, codecs
from dicomanon.pixels.clean import MOST_CHANGED
from dicomanon.pixels.find.again import LOOKS
from dicomanon.pixels.hold import IN_MEMORY
from dicomanon.pixels.level import LARGEST, MOST_LAYERS
from dicomanon.pixels.verdict import FACELESS, FACES
from dicomanon.pixels.whole import LARGEST as LARGEST_WHOLE
from dicomanon.pixels.work import CLEANED
from dicomanon.profile import FLAVOURS
from dicomanon.profile.pixels import looks_into_tissue
from dicomanon.statement.model import Block, Bullets, Paragraph, Row, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.statement.subject import Policy, Subject

JUDGED = (*FLAVOURS, "burned-in", "recognizable")
"""Settings of [pixels] that are a policy; the others say how one is carried out."""
LOOKING = frozenset(("clean", "gate", "crop"))
PROSE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def treats(policy: Policy) -> bool:
    """Tell whether a profile has pixels decoded."""
    return any(policy.profile.pixels[setting] in TREATED for setting in JUDGED)


def facts(subject: Subject) -> dict[str, str]:
    """Return the sentences of the template that depend on whether pixels are decoded or looked at."""
    where, looked = _where(subject, TREATED), _where(subject, LOOKING)
    held = ""
    if where and subject.config:
        tissue = any(looks_into_tissue(one.profile.pixels) for one in subject.policies)
        waits = PROSE["waits"].format(quiet=f"{subject.config.node.quiet:g}") if tissue else ""
        held = PROSE["held"].format(in_memory=IN_MEMORY >> 20, waits=waits)
    return {
        "pixels_decoded": PROSE["decoded"].format(where=where) if where else PROSE["not_decoded"],
        "pixels_judged": PROSE["judged_or_treated" if where else "judged"],
        "pixels_looked": PROSE["looked"].format(where=looked) if looked else PROSE["not_looked"],
        "pixels_held": held,
    }


def _where(subject: Subject, words: frozenset[str]) -> str:
    """Return the profiles and settings that have a policy out of `words`."""
    said = []
    for one in subject.policies:
        found = [(each, one.profile.pixels[each]) for each in JUDGED if one.profile.pixels[each] in words]
        if found:
            said.append(f"{subject.called(one)}: " + ", ".join(f"{each} {word}" for each, word in found))
    return "; ".join(said)


def images(subject: Subject) -> tuple[Block, ...]:
    """Return Table A.C.2.6-7 and what its policies do, and the rest where one of them has pixels decoded."""
    rows = tuple(
        (subject.called(one), kind, one.profile.pixels[kind]) for one in subject.policies for kind in JUDGED
    )
    used = {word for _, _, word in rows}
    does = tuple(
        (word, "Y" if word in used else "N", what.format(looks=LOOKS)) for word, what in PROSE["does"].items()
    )
    title = (
        "Images by Image Type value 3; those that say burned-in; those that may show a face (recognizable)"
    )
    treated = any(map(treats, subject.policies))
    return (
        Table("A.C.2.6-7", title, ("Profile", "Images", "Policy"), rows),
        Table("A.C.2.6-15", "Policies for images", ("Policy", "In use", "What it does"), does),
        *(_treated(subject) if treated else (Paragraph(PROSE["not_decoded"]),)),
        _claims(subject),
        _faces(subject),
    )


def _treated(subject: Subject) -> tuple[Block, ...]:
    rows = tuple(
        row for one in subject.policies if treats(one) for row in _settings(subject.called(one), one)
    )
    syntaxes = tuple((UID(uid).name, uid, written(uid)) for uid in sorted(TRANSFER_SYNTAXES, key=_numbers))
    looked = (
        Paragraph("What is looked for, where a policy is clean, gate or crop:"),
        Bullets(tuple(PROSE["looked_for"])),
        Paragraph("What is not promised of it:"),
        Bullets(tuple(each.format(layers=MOST_LAYERS) for each in PROSE["overlooked"])),
    )
    return (
        Table("A.C.2.6-16", "How policies are carried out", ("Profile", "Setting", "Value"), rows),
        *(looked if _where(subject, LOOKING) else ()),
        Paragraph(PROSE["told"].format(quality=codecs.QUALITY)),
        Table(
            "A.C.2.6-17",
            "Transfer syntaxes, and how a frame is written in which something is covered",
            ("Name", "UID", "Frame"),
            syntaxes,
        ),
    )


def _settings(name: str, policy: Policy) -> tuple[Row, ...]:
    profile = policy.profile
    rest = tuple((name, key, value or "none") for key, value in profile.pixels.items() if key not in JUDGED)
    return (*rest, (name, "masks", ", ".join(file for file, _ in profile.device_masks) or "none"))


def written(uid: str) -> str:
    """Return how a frame of a transfer syntax is written in which something is covered."""
    word = "lossless"
    if uid in VIDEO:
        word = "video"
    elif uid not in ENCAPSULATED or uid == ENCAPSULATED_UNCOMPRESSED:
        word = "native"
    elif uid not in codecs.DECODED:
        word = "no_codec"
    elif uid in codecs.JPEG:
        word = "jpeg"
    elif uid in codecs.JPEG_2000:
        word = "jpeg_2000"
    return str(PROSE["written"][word])


def _numbers(uid: str) -> list[int]:
    return [int(part) for part in uid.split(".")]


def _claims(subject: Subject) -> Table:
    """Return where the two codes are claimed that hold of instances, or that they are not."""
    said = PROSE["claimed"]
    rows = tuple(
        (subject.called(one), code, said[code if code in dict(one.profile.instance_codes) else "no"])
        for one in subject.policies
        for code in (CLEANED, FACELESS)
    )
    title = "Options that are claimed of instances, not of all that leaves: (0012,0064)"
    return Table("A.C.2.6-18", title, ("Profile", "CID 7050", "Where"), rows)


def _faces(subject: Subject) -> Paragraph:
    chosen = any(FACELESS in dict(one.profile.instance_codes) for one in subject.policies)
    if not chosen and {one.profile.pixels["recognizable"] for one in subject.policies} == {"keep"}:
        return Paragraph(PROSE["no_faces"])
    return Paragraph(PROSE["faces"].format(names=", ".join(sorted(UID(uid).name for uid in FACES))))


def limits(subject: Subject) -> tuple[Row, ...]:
    """Return the rows of Table N.5-12 on pixels."""
    if not any(map(treats, subject.policies)):
        return (("Pixel Data", "none of its own"),)
    return (
        ("Pixel Data that passes as bytes", "none of its own"),
        ("Pixels of a picture that is looked at, which is made smaller until it has no more", f"{LARGEST:,}"),
        ("Frames of one picture that were encoded again", f"{MOST_CHANGED:,} bytes"),
        ("Samples of a picture that is decoded as a whole (blank, crop, replace)", f"{LARGEST_WHOLE:,}"),
    )


def coerced(policy: Policy) -> Mapping[str, str]:
    """Return attributes that a policy for images changes, and where."""
    found = {}
    if treats(policy):
        names = "Burned In Annotation (0028,0301), Icon Image Sequence (0088,0200), Image Type (0008,0008)"
        found[names] = PROSE["changed"]["pixels"]
    if FACELESS in dict(policy.profile.instance_codes):
        found["Recognizable Visual Features (0028,0302)"] = PROSE["changed"]["faces"]
    return found
