"""What is made on slides, by highdicom: a report, a segmentation, annotations and more, with planted identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import highdicom as hd
import numpy as np
from pydicom import dcmread
from pydicom.sr.codedict import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydicom.dataset import Dataset

UID = "1.2.826.0.1.3680043.10.1947.77."
SPECIMEN_UID = UID + "500"
BLOCK = "S26-7309-CANARYBLOCK"
SERIAL = "CANARYSERIAL7309"


def planted_slide(path: Path) -> Dataset:
    """Read a slide and give it an identified patient, case and site."""
    slide = dcmread(path)
    slide.PatientName = "CANARYFAMILY^CANARYGIVEN"
    slide.PatientID = "CANARYMRN7309177"
    slide.PatientBirthDate = "19510203"
    slide.AccessionNumber = "CANARYACC7309"
    slide.StudyID = "CANARYSTUDY7309"
    slide.StudyDate = slide.ContentDate = "20210317"
    slide.StudyTime = "091733"
    slide.ReferringPhysicianName = "CANARYREFERRER^ANN"
    slide.InstitutionName = "CANARYHOSPITAL"
    slide.ContainerIdentifier = BLOCK
    specimen = slide.SpecimenDescriptionSequence[0]
    specimen.SpecimenIdentifier = BLOCK
    specimen.SpecimenUID = SPECIMEN_UID
    return slide


def _common(number: int) -> dict[str, Any]:
    return {
        "series_instance_uid": f"{UID}{number}.1",
        "series_number": number,
        "sop_instance_uid": f"{UID}{number}.2",
        "instance_number": 1,
        "manufacturer": "Maker of Objects",
    }


def _device(number: int) -> dict[str, Any]:
    return {
        **_common(number),
        "manufacturer_model_name": "Object Maker",
        "software_versions": "1.0",
        "device_serial_number": SERIAL,
    }


def _described() -> dict[str, Any]:
    return {"content_description": "CANARYDESCRIPTION", "content_creator_name": "CANARYCREATOR^ANN"}


def segmentation(slide: Dataset) -> Dataset:
    """Return a binary segmentation of the slide's total pixel matrix."""
    mask = np.zeros((1, slide.TotalPixelMatrixRows, slide.TotalPixelMatrixColumns, 1), np.uint8)
    mask[0, 3:9, 4:11, 0] = 1
    described = hd.seg.SegmentDescription(
        1,
        "CANARYSEGMENT",
        codes.SCT.Tissue,
        codes.SCT.Tissue,
        "AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            "Nucleus finder", codes.DCM.ArtificialIntelligence, "1.0"
        ),
        tracking_uid=UID + "600",
        tracking_id="CANARYTRACKING",
    )
    made: Dataset = hd.seg.Segmentation(
        [slide], mask, "BINARY", [described], **_device(20), **_described(), tile_pixel_array=True
    )
    return made


def bulk_annotations(slide: Dataset) -> Dataset:
    """Return bulk annotations in the coordinates of the slide's pixels."""
    group = hd.ann.AnnotationGroup(
        1,
        UID + "601",
        "CANARYGROUP",
        codes.SCT.Tissue,
        codes.SCT.Tissue,
        "POINT",
        [np.array([[2.0, 3.0]]), np.array([[4.0, 5.0]])],
        "MANUAL",
        description="CANARYGROUPTEXT",
    )
    made: Dataset = hd.ann.MicroscopyBulkSimpleAnnotations(
        [slide], "2D", [group], **_device(21), **_described()
    )
    return made


def parametric_map(slide: Dataset) -> Dataset:
    """Return a map of real values over the slide's frames."""
    mapping = hd.pm.RealWorldValueMapping(
        "CANARYLUT", "CANARYLUTTEXT", codes.UCUM.NoUnits, (0.0, 1.0), slope=1.0, intercept=0.0
    )
    shape = (1, slide.TotalPixelMatrixRows, slide.TotalPixelMatrixColumns)
    made: Dataset = hd.pm.ParametricMap(
        [slide],
        np.zeros(shape, np.float32),
        **_device(22),
        **_described(),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=0.5, window_width=1.0)],
        tile_pixel_array=True,
    )
    return made


def presentation(slide: Dataset) -> Dataset:
    """Return a colour presentation state with a written annotation."""
    text = hd.pr.TextObject(
        "CANARYWRITTEN", units="PIXEL", anchor_point=(1.0, 2.0), anchor_point_visible=True
    )
    layer = hd.pr.GraphicLayer("CANARYLAYER", 1, description="CANARYLAYERTEXT")
    other = hd.pr.GraphicLayer("CANARYOTHER", 2)
    drawn = hd.pr.GraphicAnnotation([slide], layer, referenced_frame_number=1, text_objects=[text])
    made: Dataset = hd.pr.ColorSoftcopyPresentationState(
        [slide],
        **_device(23),
        **_described(),
        content_label="CANARYLABEL",
        institution_name="CANARYHOSPITAL",
        graphic_annotations=[drawn],
        graphic_layers=[layer, other],
    )
    return made


def key_objects(slide: Dataset) -> Dataset:
    """Return a selection of key objects, by a person, with a comment."""
    observer = hd.sr.ObserverContext(
        codes.DCM.Person, hd.sr.PersonObserverIdentifyingAttributes("CANARYOBSERVER^ANN")
    )
    content = hd.ko.KeyObjectSelection(
        codes.DCM.Manifest,
        referenced_objects=[slide],
        observer_person_context=observer,
        description="CANARYKEYTEXT",
    )
    made: Dataset = hd.ko.KeyObjectSelectionDocument(
        [slide], content, **_common(24), institution_name="CANARYHOSPITAL"
    )
    return made


def report(slide: Dataset) -> Dataset:
    """Return a measurement report (TID 1500) by a person and a device about a region of the specimen."""
    person = hd.sr.PersonObserverIdentifyingAttributes(
        "CANARYOBSERVER^ANN", login_name="CANARYLOGIN", organization_name="CANARYHOSPITAL"
    )
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        UID + "602",
        name="CANARYDEVICE",
        manufacturer_name="CANARYMAKER",
        serial_number=SERIAL,
        physical_location="CANARYROOM",
    )
    subject = hd.sr.SubjectContext(
        codes.DCM.Specimen,
        hd.sr.SubjectContextSpecimen(SPECIMEN_UID, identifier=BLOCK, container_identifier=BLOCK),
    )
    context = hd.sr.ObservationContext(
        hd.sr.ObserverContext(codes.DCM.Person, person),
        hd.sr.ObserverContext(codes.DCM.Device, device),
        subject,
    )
    region = hd.sr.ImageRegion3D(
        "POLYGON",
        np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 0.0], [2.0, 2.0, 0.0], [1.0, 1.0, 0.0]]),
        slide.FrameOfReferenceUID,
    )
    region_group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        hd.sr.TrackingIdentifier(UID + "603", "CANARYTRACKING"),
        region,
        finding_type=codes.SCT.Neoplasm,
        session="CANARYSESSION",
        measurements=[hd.sr.Measurement(codes.SCT.Area, 12.5, codes.UCUM.SquareMillimeter)],
        qualitative_evaluations=[
            hd.sr.QualitativeEvaluation(
                hd.sr.CodedConcept("CANARYNAME", "99CANARYSITE", "CANARYMEANING"),
                hd.sr.CodedConcept("CANARYVALUE", "99SITE", "CANARYVALUEMEANING"),
            )
        ],
    )
    document = hd.sr.MeasurementReport(
        context,
        codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[region_group],
        referenced_images=[slide],
        title=codes.DCM.ImagingMeasurementReport,
    )
    made: Dataset = hd.sr.Comprehensive3DSR(
        [slide],
        document,
        **_common(25),
        institution_name="CANARYHOSPITAL",
        is_complete=True,
        is_final=True,
        is_verified=True,
        verifying_observer_name="CANARYVERIFIER^ANN",
        verifying_organization="CANARYHOSPITAL",
    )
    return made


def capture(slide: Dataset) -> Dataset:
    """Return a secondary capture of the block, which refers to nothing but names the specimen."""
    stained = hd.SpecimenPreparationStep(
        BLOCK, hd.SpecimenStaining([codes.SCT.HematoxylinStain, "CANARYSTAIN"])
    )
    specimen = hd.SpecimenDescription(BLOCK, SPECIMEN_UID, specimen_preparation_steps=[stained])
    made: Dataset = hd.sc.SCImage(
        np.zeros((4, 4, 3), np.uint8),
        "RGB",
        8,
        "SLIDE",
        slide.StudyInstanceUID,
        **_common(26),
        patient_id=slide.PatientID,
        patient_name=slide.PatientName,
        patient_birth_date=slide.PatientBirthDate,
        patient_sex=slide.PatientSex or None,
        accession_number=slide.AccessionNumber,
        study_id=slide.StudyID,
        study_date=slide.StudyDate,
        study_time=slide.StudyTime,
        referring_physician_name=slide.ReferringPhysicianName,
        container_identifier=BLOCK,
        specimen_descriptions=[specimen],
    )
    return made


REFERRING = ("segmentation", "bulk_annotations", "parametric_map", "presentation", "key_objects", "report")
COMPANIONS: Mapping[str, Callable[[Dataset], Dataset]] = {
    each.__name__: each
    for each in (segmentation, bulk_annotations, parametric_map, presentation, key_objects, report, capture)
}
"""Makers of what belongs to a slide, by name; those in `REFERRING` refer to it."""
