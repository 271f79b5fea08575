"""DICOM files and data sets as bytes: the only parser and writer of this package; it never decodes pixels."""

from dicomanon.part10.instance import Instance, Meta, PixelElement, Reader
from dicomanon.part10.read import Limits, bare_instance, read_instance

__all__ = ["Instance", "Limits", "Meta", "PixelElement", "Reader", "bare_instance", "read_instance"]
