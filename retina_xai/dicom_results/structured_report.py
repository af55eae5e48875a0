"""Score, decision, quality and candidates as a Structured Report (TID 1500). The observer is the algorithm.

Candidates are regions of the photograph in its coordinates, in which the corner of the first pixel is (0, 0) and its
centre (0.5, 0.5); ours have the centre at (0, 0). Areas and diameters are in millimetres where the photograph says its
pixel spacing, otherwise in estimated disc diameters (`fundus.retinal_scale`); without a field of view there are none.
"""

from typing import Any

import highdicom
import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from retina_xai import __version__
from retina_xai.dicom_results import codes as own
from retina_xai.dicom_results.sources import DEVICE, PhotographSource, ResultSource, finished
from retina_xai.fundus.retinal_scale import DISC_DIAMETERS, MILLIMETRES, RetinalScale
from retina_xai.lesions.annotation import Annotation

LISTED = 100
"""Candidates with a group of their own, those with the most evidence first; their number counts all."""
UNITS = {
    MILLIMETRES: (codes.UCUM.SquareMillimeter, codes.UCUM.Millimeter),
    DISC_DIAMETERS: (
        Code("{disc_area}", "UCUM", "estimated disc areas"),
        Code("{disc_diameter}", "UCUM", "estimated disc diameters"),
    ),
}
"""Of areas and lengths, by the unit of the scale."""


def structured_report(source: ResultSource) -> Dataset:
    """The report, with a group for the photograph and one for each of the first `LISTED` candidates."""
    image = sr.SourceImageForMeasurementGroup(source.header.SOPClassUID, source.header.SOPInstanceUID)
    groups: list[Any] = [
        _photograph(source, image),
        *(_candidate(source, lesion) for lesion in source.localization.lesions[:LISTED]),
    ]
    observer = sr.DeviceObserverIdentifyingAttributes(
        uid=highdicom.UID(),
        name=DEVICE,
        manufacturer_name=DEVICE,
        model_name=source.device()["manufacturer_model_name"],
        serial_number=source.weights,
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(codes.DCM.Device, observer)
        ),
        procedure_reported=own.PHOTOGRAPHY,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    made = sr.ComprehensiveSR(
        evidence=[source.header],
        content=content[0],
        is_complete=True,
        is_verified=False,
        **source.equipment(4),
    )
    for name, value in {**source.device(), "SeriesDescription": "Findings of the algorithm"}.items():
        setattr(made, _KEYWORDS.get(name, name), value)
    return finished(made, source)


_KEYWORDS = {
    "manufacturer_model_name": "ManufacturerModelName",
    "software_versions": "SoftwareVersions",
    "device_serial_number": "DeviceSerialNumber",
}


def _photograph(
    source: ResultSource, image: sr.SourceImageForMeasurementGroup
) -> sr.MeasurementsAndQualitativeEvaluations:
    verdict, eye = source.localization.verdict, source.localization.fundus.photograph.metadata.get("eye", "")
    values = {own.SCORE: verdict.score, own.THRESHOLD: verdict.threshold, own.COUNT: len(source.localization.lesions)}
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=highdicom.UID(), identifier="photograph"),
        algorithm_id=_algorithm(source),
        finding_sites=[sr.FindingSite(own.RETINA, laterality=own.EYES.get(eye))],
        measurements=[sr.Measurement(name, value, codes.UCUM.NoUnits) for name, value in values.items()],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(own.DECISION, own.own(verdict.decision)),
            sr.QualitativeEvaluation(own.QUALITY, own.own(verdict.gradability.verdict)),
        ],
        source_images=[image],
    )


def _candidate(source: ResultSource, lesion: Annotation) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """One candidate: its region, evidence and size."""
    measured = [sr.Measurement(own.CANDIDATE_EVIDENCE, lesion.score or 0.0, codes.UCUM.NoUnits)]
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=highdicom.UID(), identifier=f"candidate {lesion.id}"),
        referenced_region=region_of(lesion, source),
        finding_type=own.LESIONS[lesion.type],
        algorithm_id=_algorithm(source),
        finding_sites=[sr.FindingSite(own.RETINA)],
        measurements=[*measured, *sizes_of(lesion, source.scale)],
    )


def region_of(lesion: Annotation, source: PhotographSource) -> sr.ImageRegion:
    """The region within `region_points`."""
    image = sr.SourceImageForRegion(source.header.SOPClassUID, source.header.SOPInstanceUID)
    return sr.ImageRegion(sr.GraphicTypeValues.POLYLINE, region_points(lesion), image)


def region_points(lesion: Annotation) -> np.ndarray:
    """The closed ring around a lesion, not those around holes: (points, 2) x and y, from the photograph's corner."""
    ring = max(lesion.shape.outline.rings, key=lambda ring: max(x for x, _ in ring) - min(x for x, _ in ring))
    return np.array([*ring, ring[0]], float) + 0.5


def sizes_of(lesion: Annotation, scale: RetinalScale | None) -> list[sr.Measurement]:
    """Area and diameter, as far as the scale is known."""
    if scale is None:
        return []
    area_unit, length_unit = UNITS[scale.unit]
    pixels = lesion.shape.area
    return [
        sr.Measurement(own.AREA, scale.area(pixels), area_unit),
        sr.Measurement(own.DIAMETER, scale.diameter(pixels), length_unit),
    ]


def _algorithm(source: ResultSource) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(
        name=f"{DEVICE} {source.run['method']['name']}",
        version=__version__,
        parameters=[f"weights SHA-256 {source.weights}"],
    )
