"""What the laboratory's worklist knows of a slide: asked by accession number, or by the barcode (PS3.4 K)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from dicomanon.errors import SlideError, UsageError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from dicomanon.convert.laboratory import Laboratory

_FIND = "1.2.840.10008.5.1.4.31"
"""Modality Worklist Information Model - FIND."""
_PENDING, _SUCCESS = (0xFF00, 0xFF01), 0x0000
_SECONDS = 30.0
_MOST = 50
_LONGEST_TITLE = 16
_LEFT_OUT = dict.fromkeys(map(ord, "*?\\"))
"""Characters that would make a key a pattern (PS3.4 C.2.2.2.4)."""
_KEPT = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "study_instance_uid": "StudyInstanceUID",
    "accession_number": "AccessionNumber",
}


@dataclass(frozen=True, slots=True)
class Worklist:
    """A worklist SCP: where it listens, its AE title, and ours."""

    host: str
    port: int
    called: str
    calling: str

    def of(self, lab: Laboratory, barcode: str) -> Laboratory:
        """Return what the one entry of a slide says, over what is known of it.

        Raises SlideError where there is no entry, entries of several patients or studies, or no answer.
        """
        accession = lab.accession_number.translate(_LEFT_OUT)
        container = (lab.container_identifier or barcode).strip().translate(_LEFT_OUT)
        if not accession and not container:
            raise SlideError("nothing is known of the slide that the worklist could be asked for")
        entries = {_said(entry, lab) for entry in self._ask(accession, container)}
        if not entries:
            raise SlideError("the worklist has no entry for the slide")
        if len(entries) > 1:
            raise SlideError("the worklist has entries of several patients or studies for the slide")
        return entries.pop()

    def _ask(self, accession: str, container: str) -> list[Dataset]:
        from pynetdicom.ae import ApplicationEntity  # heavy

        entity: Any = ApplicationEntity(ae_title=self.calling)
        entity.add_requested_context(_FIND)
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = _SECONDS
        try:
            association = entity.associate(self.host, self.port, ae_title=self.called)
        except (OSError, RuntimeError, ValueError):
            raise SlideError("the worklist cannot be reached") from None
        if not association.is_established:
            raise SlideError("the worklist cannot be reached, or does not want to talk to us")
        found: list[Dataset] = []
        try:
            for status, entry in association.send_c_find(_query(accession, container), _FIND):
                answer = getattr(status, "Status", None)
                if answer in _PENDING and entry is not None and len(found) <= _MOST:
                    found.append(entry)
                elif answer not in (_SUCCESS, *_PENDING):
                    raise SlideError("the worklist did not answer, or with a failure")
        finally:
            association.release()
        return found


def _query(accession: str, container: str) -> Dataset:
    from pydicom.dataset import Dataset  # heavy

    query = Dataset()
    for keyword in _KEPT.values():
        setattr(query, keyword, "")
    step = Dataset()
    step.Modality = ""
    query.ScheduledProcedureStepSequence = [step]
    if accession:
        query.AccessionNumber = accession
    else:
        specimen = Dataset()
        specimen.ContainerIdentifier = container
        query.ScheduledSpecimenSequence = [specimen]
    return query


def _said(entry: Dataset, lab: Laboratory) -> Laboratory:
    """Return what an entry says; a value that DICOM would not have is no answer."""
    values = {
        name: str(value).strip()
        for name, keyword in _KEPT.items()
        if (value := entry.get(keyword)) and str(value).strip()
    }
    try:
        return replace(lab, **values)  # type: ignore[arg-type]  # texts, each by its name
    except UsageError as error:
        raise SlideError(f"the worklist: {error}") from None


def worklist(url: str) -> Worklist:
    """Return the worklist at `dicom://CALLED@host:port?calling=TITLE`; raise UsageError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        port = None
        parts = urlsplit("")
    calling = parse_qs(parts.query).get("calling", ["DICOMANON"])[0]
    titles = (parts.username or "", calling)
    good = parts.scheme == "dicom" and parts.hostname and port
    if not good or not all(0 < len(title) <= _LONGEST_TITLE and title.isascii() for title in titles):
        raise UsageError("the worklist is a URL such as dicom://WORKLIST@ris.example:104?calling=DICOMANON")
    return Worklist(parts.hostname or "", port or 0, *titles)
