"""What was done to one picture, for the audit, and with pictures of it for people who may see what was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.identifying import IdentifyingValues
    from dicomanon.pixels.box import Found

    Image = NDArray[np.uint8]

MOST_IN_AUDIT = 200
MOST_LOOKS = 4
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Look:
    """A picture as it was and as it is now, 8-bit RGB; `after` is None where it did not leave.

    It is `factor` times smaller than the whole picture, in whose pixels boxes are told.
    """

    before: Image
    after: Image | None
    factor: int = 1


@dataclass(slots=True)
class PixelReport:
    """Filled as one instance goes through: `policy` is empty where pixels were not looked into.

    `own` counts found texts that hold a value of the instance's own header. `looks` are pictures, where `wants_looks`.
    """

    policy: str = ""
    flavour: str = ""
    done: str = ""
    found: tuple[Found, ...] = ()
    own: int = 0
    wants_looks: bool = False
    looks: list[Look] = field(default_factory=list)

    def look(self, before: Image, after: Image | None, factor: int = 1) -> None:
        """Take note of a picture, as far as somebody wants to see it."""
        if self.wants_looks and len(self.looks) < MOST_LOOKS:
            self.looks.append(Look(before, after, factor))

    def compare(self, values: IdentifyingValues) -> None:
        """Count what was found that says a value of the header, and forget what it says."""
        needles = [form.needle for form in values.forms() if len(form.needle) >= _SHORTEST]
        squeezed = [_squeezed(each.text) for each in self.found]
        plain = [text for text in squeezed if text]
        self.own = sum(
            any(_squeezed(needle.decode("latin-1")) in text for needle in needles) for text in plain
        )
        self.found = tuple(each.without_text() for each in self.found)

    def for_audit(self) -> dict[str, object]:
        """Return what may be kept: no text."""
        if not self.policy:
            return {}
        return {
            "policy": self.policy,
            "flavour": self.flavour,
            "done": self.done,
            "own": self.own,
            "count": len(self.found),
            "found": [
                {
                    "kind": each.kind,
                    "score": round(each.score, 2),
                    "box": [each.box.left, each.box.top, each.box.right, each.box.bottom],
                }
                for each in self.found[:MOST_IN_AUDIT]
            ],
        }


def _squeezed(text: str) -> str:
    return "".join(text.lower().split())
