"""Pixels: the verdict on an image, and what is done to it. The only package that decodes frames."""

from __future__ import annotations

from functools import cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.pixels.header import with_values
from dicomanon.pixels.report import PixelReport
from dicomanon.pixels.verdict import FACELESS, RECOGNIZABLE_VISUAL_FEATURES, Verdict, verdict
from dicomanon.profile.pixels import FLAVOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.masks import Mask
    from dicomanon.pixels.places import Places
    from dicomanon.pixels.work import Treated
    from dicomanon.profile import Profile

__all__ = ["TREATED", "Verdict", "check_ready", "faceless", "treat", "verdict"]

_FINDING = ("cryptography", "cv2", "rapidocr", "zxingcpp")
PACKAGES = {
    "clean": _FINDING,
    "gate": _FINDING,
    "crop": _FINDING,
    "replace": ("PIL", "cryptography", "zxingcpp"),
}
"""What a policy needs of the extra `pixels`."""
TREATED = frozenset(("blank", "crop", "replace", "clean", "gate"))
"""Policies for which pixels are looked into or change; the others need no more than the header."""


@cache
def masks_in(files: tuple[tuple[str, str], ...]) -> tuple[Mask, ...]:
    """Return the masks of the files that a profile names; raise ProfileError for one that is not understood."""
    from dicomanon.pixels.masks import read_masks  # only where there are some

    return tuple(mask for name, text in files for mask in read_masks(text, name))


def check_ready(profile: Profile) -> None:
    """Raise ProfileError where a profile looks into pixels and what that needs is missing or not understood."""
    masks_in(profile.device_masks)
    words = [profile.pixels[each] for each in (*FLAVOURS, "burned-in")]
    wanted = {name for word in words for name in PACKAGES.get(word, ())}
    missing = sorted(name for name in wanted if find_spec(name) is None)
    if missing:
        raise ProfileError(
            f"[pixels] of the profile needs packages that are not installed ({', '.join(missing)}): "
            "pip install 'dicomanon[pixels]'"
        )


def treat(
    instance: Instance,
    reopen: Callable[[], Instance],
    judged: Verdict,
    profile: Profile,
    *,
    places: Sequence[Places] = (),
    report: PixelReport | None = None,
) -> Treated:
    """Do to the pixels of an instance what the verdict says.

    What was found is told to `report`. Raises PixelsError where that cannot be done for sure, MalformedError for frames
    that do not decode, UnsupportedError where there is no codec, or the packages for looking are not installed.
    """
    from dicomanon.pixels.clean import clean, gate  # heavy
    from dicomanon.pixels.masks import boxes_for  # only where pixels are looked into
    from dicomanon.pixels.research_label import draw_label
    from dicomanon.pixels.whole import blank, crop, replaced
    from dicomanon.pixels.work import Work, text_of

    if report is None:
        report = PixelReport()
    report.policy, report.flavour = judged.policy, judged.flavour
    masks = boxes_for(masks_in(profile.device_masks), partial(text_of, instance))
    work = Work(
        faceless(instance, judged, profile), reopen, judged, profile.pixels, places, tuple(masks), report
    )
    if judged.policy == "replace":

        def draw(columns: int, rows: int, header: bytes) -> NDArray[np.uint8]:
            syntax = instance.meta.transfer_syntax_uid
            project = profile.pixels["project"] or profile.name
            return draw_label(columns, rows, header, syntax, project, profile.pixels["code"])

        return replaced(work, draw)
    ways = {"blank": blank, "crop": crop, "gate": gate, "clean": clean}
    return ways[judged.policy](work)


def faceless(instance: Instance, judged: Verdict, profile: Profile) -> Instance:
    """Return an instance that says it shows no face, where the profile promises that and the verdict is so sure."""
    if FACELESS not in judged.claims or all(code != FACELESS for code, _ in profile.instance_codes):
        return instance
    if instance.pixels is None:
        return instance
    return with_values(instance, {RECOGNIZABLE_VISUAL_FEATURES: (b"CS", b"NO")})
