"""What a reader said of a photograph as a Structured Report (TID 1500). The observer is a person.

It is an object of its own, beside the algorithm's: what the algorithm found and what the reader said are never in one.
Without identified results the reader has no name. Regions as in `structured_report`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import highdicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from retina_xai.dicom_results import codes as own
from retina_xai.dicom_results.sources import PhotographSource, finished
from retina_xai.dicom_results.structured_report import region_of, sizes_of
from retina_xai.lesions.annotation import Annotation

ANONYMOUS, SERIES = "Reader^", "Findings of the reader"


@dataclass(frozen=True)
class ReaderFindings:
    """Name of the reader, time with a zone, finding, grade (0-4 or None), macular oedema, lesions with whose each is.

    finding and oedema are "" where nothing was said. `lesions` are those that the reader reviewed, with a text for each
    that says who found it and what the reader did.
    """

    reader: str
    time: datetime
    finding: str
    grade: int | None
    oedema: str
    lesions: tuple[tuple[Annotation, str], ...]


def reader_report(source: PhotographSource, said: ReaderFindings) -> Dataset:
    """The report, with a group for the photograph and one for each lesion."""
    name = f"{said.reader.replace('^', ' ').replace('=', ' ')}^" if source.identified else ANONYMOUS
    person = sr.ObserverContext(codes.DCM.Person, sr.PersonObserverIdentifyingAttributes(name=name))
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_person_context=person),
        procedure_reported=own.PHOTOGRAPHY,
        imaging_measurements=[_photograph(source, said), *(_lesion(source, *one) for one in said.lesions)],
        title=codes.DCM.ImagingMeasurementReport,
    )
    made = sr.ComprehensiveSR(
        evidence=[source.header], content=content[0], is_complete=True, is_verified=False, **source.equipment(6)
    )
    date, time = said.time.strftime("%Y%m%d"), said.time.strftime("%H%M%S")
    for name, value in {"SeriesDescription": SERIES, "ContentDate": date, "ContentTime": time}.items():
        setattr(made, name, value)
    return finished(made, source)


def _photograph(source: PhotographSource, said: ReaderFindings) -> sr.MeasurementsAndQualitativeEvaluations:
    values: Mapping[Any, str] = {
        own.FINDING: said.finding,
        own.GRADE: "" if said.grade is None else f"grade {said.grade}",
        own.OEDEMA: said.oedema,
    }
    eye = source.fundus.photograph.metadata.get("eye", "")
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=highdicom.UID(), identifier="photograph"),
        finding_sites=[sr.FindingSite(own.RETINA, laterality=own.EYES.get(eye))],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name, own.own(value)) for name, value in values.items() if value
        ],
        source_images=[sr.SourceImageForMeasurementGroup(source.header.SOPClassUID, source.header.SOPInstanceUID)],
    )


def _lesion(
    source: PhotographSource, lesion: Annotation, mark: str
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=highdicom.UID(), identifier=f"lesion {lesion.id}"),
        referenced_region=region_of(lesion, source),
        finding_type=own.LESIONS[lesion.type],
        finding_sites=[sr.FindingSite(own.RETINA)],
        measurements=sizes_of(lesion, source.scale),
        qualitative_evaluations=[
            sr.QualitativeEvaluation(own.MARK, sr.CodedConcept(_STATUS[lesion.status], own.OWN, mark))
        ],
    )


_STATUS = {"kept": "ACCEPTED", "moved": "CORRECTED", "deleted": "REJECTED", "added": "DRAWN"}
