"""The images of one file looked into as a run would, without writing one."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon.batch import compiled, is_slide, vendor_instance
from dicomanon.errors import DicomanonError
from dicomanon.part10.read import read_instance, replayed
from dicomanon.pixels import TREATED, treat, verdict
from dicomanon.pixels.report import PixelReport
from dicomanon.pixels.research_label import CONTAINER
from dicomanon.profile.pixels import ONLY_FOR
from dicomanon.review import Reviewed, reviewed
from dicomanon.survey import survey_instances

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.box import Found
    from dicomanon.pixels.places import Places
    from dicomanon.profile import Profile


@dataclass(frozen=True, slots=True)
class Looked:
    """One image: its flavour, what would become of it (kept, dropped, quarantined, or what was done), and why."""

    name: str
    flavour: str
    outcome: str
    why: str
    found: tuple[Found, ...]
    reviewed: Reviewed

    def as_document(self) -> dict[str, object]:
        """Return what machines read: no text that was found, and no picture."""
        boxes = [
            {
                "kind": each.kind,
                "score": round(each.score, 2),
                "box": [each.box.left, each.box.top, each.box.right, each.box.bottom],
            }
            for each in self.found
        ]
        return {
            "name": self.name,
            "flavour": self.flavour,
            "outcome": self.outcome,
            "why": self.why,
            "found": boxes,
        }


def look_into(path: Path, profile: str, options: Sequence[str], policy: str | None) -> list[Looked]:
    """Look into the images of a DICOM file or a vendor slide under a profile, or under one policy for all.

    Raises what reading the file raises; what is wrong with pixels is an outcome.
    """
    rules = compiled(profile, tuple(options))
    if policy is not None:
        rules = _with_policy(rules, policy)
    if not is_slide(path):
        with io.FileIO(path) as file:
            instance = read_instance(file)
            return [_looked(path.name, instance, replayed(file, instance), rules, ())]
    return list(_of_slide(path, rules))


def _with_policy(profile: Profile, policy: str) -> Profile:
    """Return a profile with one policy for all flavours that it is for; the others are gated."""
    pixels = dict(profile.pixels)
    for flavour in ("VOLUME", "THUMBNAIL", "LABEL", "OVERVIEW", "other"):
        pixels[flavour] = policy if ONLY_FOR.get(policy, flavour) == flavour else "gate"
    return replace(profile, pixels=MappingProxyType(pixels))


def _of_slide(path: Path, profile: Profile) -> Iterator[Looked]:
    from dicomanon.convert import ConvertOptions, prepared  # heavy

    options = ConvertOptions()
    with prepared(path, options) as slide:
        sources = [partial(vendor_instance, slide, index, options) for index in range(len(slide.images))]
        places = survey_instances(sources, profile)
        for index, source in enumerate(sources):
            yield _looked(f"{path.name} image {index + 1}", source(), source, profile, places)


def _looked(
    name: str,
    instance: Instance,
    again: Callable[[], Instance],
    profile: Profile,
    places: tuple[Places, ...],
) -> Looked:
    judged = verdict(instance, profile)
    report = PixelReport(policy=judged.policy, flavour=judged.flavour, wants_looks=True)
    outcome = {"keep": "kept", "drop": "dropped", "quarantine": "quarantined"}.get(judged.policy, "")
    why = judged.why
    if judged.policy in TREATED:
        try:
            treated = treat(instance, again, judged, profile, places=places, report=report)
            if treated.finish is not None:
                treated.finish(_example(instance))
            outcome = report.done
        except DicomanonError as error:
            outcome, why = "quarantined", str(error)
    found = tuple(each.without_text() for each in report.found)
    report.found = found
    return Looked(name, judged.flavour, outcome, why, found, reviewed(report))


def _example(instance: Instance) -> bytes:
    """Return a header with an identifier such as the rules would make, for a label that shows it."""
    from dicomanon.part10.encoding import encoding_of, pack_element

    encoding = encoding_of(instance.meta.transfer_syntax_uid)
    return pack_element(CONTAINER, b"LO", b"EXAMPLE0PSEUDONYM", encoding)
