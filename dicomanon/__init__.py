"""DICOM-native de-identification engine for pathology whole-slide images."""

__version__ = "0.1.0"
