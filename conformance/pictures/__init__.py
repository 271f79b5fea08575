"""Pictures of slide labels and slide overviews, with the truth of what is written on them."""

from conformance.pictures.made import pictures
from conformance.pictures.truth import Picture, Planted

__all__ = ["Picture", "Planted", "pictures"]
