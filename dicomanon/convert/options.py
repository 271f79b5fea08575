"""What a caller may say of a slide that the vendor file does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from dicomanon.errors import UsageError

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """Identified values for the header; what is not given stays empty (Type 2) or comes from the slide.

    `spacing` is mm between pixels of the base level, for slides that do not say. `quality` is that of JPEG where
    pixels have to be encoded again; those that never lost anything are encoded without loss where `lossless` says so.
    `levels` is "make" or "keep": what becomes of a pyramid that lacks some. `max_size` is the most bytes of frames in
    one instance, the rest of an image goes into further ones. Raises UsageError.
    """

    patient_id: str = ""
    patient_name: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    study_instance_uid: str = ""
    study_id: str = ""
    accession_number: str = ""
    container_identifier: str = ""
    specimen_identifier: str = ""
    spacing: float | None = None
    quality: int = 90
    lossless: bool = True
    levels: Literal["make", "keep"] = "make"
    max_size: int | None = None

    def __post_init__(self) -> None:
        uid = self.study_instance_uid
        if uid and (len(uid) > 64 or not _UID.fullmatch(uid)):
            raise UsageError("the Study Instance UID is not a UID")
        if self.spacing is not None and not 0 < self.spacing < 1:
            raise UsageError("the spacing must be between 0 and 1 mm")
        if not 1 <= self.quality <= 100:
            raise UsageError("the quality of JPEG is a number from 1 to 100")
