"""What the algorithm said of a photograph as FHIR R4 resources: a transaction Bundle, plain values for JSON.

    Device             this package: method, version, SHA-256 of the weights as serial number
    Observation        the score, with threshold and quality as components and the decision as interpretation
    Observation        the number of lesion candidates; their outlines are in the Structured Report
    DiagnosticReport   groups both; status "preliminary", no performer and no interpreter: no person has read it

What a reader said is never in this bundle. Resources refer to one another by UUIDs that follow from the photograph, the
weights and the method, so the same result has the same UUIDs. Without `identified`, the bundle names no patient and no
date; the UIDs of a DICOM photograph stay, as in the DICOM results, because nothing could refer to it otherwise.

Source: HL7 FHIR 4.0.1, https://hl7.org/fhir/R4/diagnosticreport.html and observation.html.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retina_xai import __version__
from retina_xai.localization import Localization

DEVICE = "retina-xai"
SNOMED, UCUM, DICOM_UID = "http://snomed.info/sct", "http://unitsofmeasure.org", "urn:dicom:uid"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
OWN = "urn:x-retina-xai:99RETINAXAI"
"""Our own codes, those of the DICOM results."""

SHA256 = "urn:x-retina-xai:sha256"
NAMESPACE = uuid.UUID("5b1c1a0e-6a5f-4f0e-9a52-3c7f0c2f7a11")
RETINA = (SNOMED, "5665001", "Retina")
EYES = {"right": (SNOMED, "24028007", "Right"), "left": (SNOMED, "7771000", "Left")}
UNREAD = "Findings of an algorithm; no person has read the photograph. Research use only: not for diagnosis."

Term = tuple[str, str, str]
"""System, code and text."""


@dataclass(frozen=True)
class PhotographUids:
    """UIDs of a DICOM photograph: its study and itself."""

    study: str
    instance: str


@dataclass(frozen=True)
class FhirSource:
    """A result, `records.run_facts`, when it was made (with a time zone), UIDs of DICOM, and whether to identify."""

    localization: Localization
    run: Mapping[str, Any]
    made_at: datetime
    uids: PhotographUids | None = None
    identified: bool = False

    def address(self, kind: str) -> str:
        """The UUID of a resource, as a URN."""
        photograph, method = self.localization.fundus.photograph, self.run["method"]
        parts = (photograph.sha256, photograph.metadata.get("frame"), self.run["model"]["sha256"], method, __version__)
        return uuid.uuid5(NAMESPACE, f"{kind} {parts}").urn

    def shared(self) -> dict[str, Any]:
        """Status, patient and time of an Observation or DiagnosticReport."""
        found: dict[str, Any] = {"status": "preliminary"}
        identity = self.localization.fundus.photograph.identity
        if self.identified and identity is not None:
            if identity.patient:
                found["subject"] = {"type": "Patient", "identifier": {"value": identity.patient}}
            if identity.acquired:
                found["effectiveDateTime"] = identity.acquired.partition("T")[0]  # a time would need a zone
        found["issued"] = self.made_at.isoformat(timespec="seconds")
        return found


def fhir_bundle(source: FhirSource) -> dict[str, Any]:
    """The bundle of the module docstring."""
    resources = {
        "device": _device(source),
        "score": _score(source),
        "candidates": _candidates(source),
        "report": _report(source),
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": source.address(kind),
                "resource": resource,
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
            for kind, resource in resources.items()
        ],
    }


def _device(source: FhirSource) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "manufacturer": DEVICE,
        "deviceName": [{"name": f"{DEVICE} {source.run['method']['name']}", "type": "model-name"}],
        "version": [{"value": __version__}],
        "serialNumber": source.run["model"]["sha256"],
        "note": [{"text": "The serial number is the SHA-256 of the weights. Research use only: no medical device."}],
    }


def _score(source: FhirSource) -> dict[str, Any]:
    verdict = source.localization.verdict
    quality = verdict.gradability.verdict
    return {
        **_observation(source, "RDR_SCORE", "Score for referable diabetic retinopathy"),
        "valueQuantity": _quantity(verdict.score),
        "interpretation": [_concept((OWN, _code(verdict.decision), verdict.decision))],
        "component": [
            {
                "code": _concept((OWN, "THRESHOLD", "Threshold of the score")),
                "valueQuantity": _quantity(verdict.threshold),
            },
            {
                "code": _concept((OWN, "QUALITY", "Quality of the photograph")),
                "valueCodeableConcept": _concept((OWN, _code(quality), quality)),
            },
        ],
    }


def _candidates(source: FhirSource) -> dict[str, Any]:
    made = _observation(source, "CANDIDATES", "Number of lesion candidates")
    if source.localization.explanation is None:
        absent = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
        return {**made, "dataAbsentReason": _concept((absent, "not-performed", "Not Performed"))}
    return {**made, "valueInteger": len(source.localization.lesions)}


def _report(source: FhirSource) -> dict[str, Any]:
    verdict = source.localization.verdict
    return {
        "resourceType": "DiagnosticReport",
        "code": _concept((OWN, "FINDINGS", "Findings of an algorithm on a fundus photograph")),
        **source.shared(),
        **({} if source.uids is None else {"imagingStudy": [_reference("ImagingStudy", source.uids.study)]}),
        "result": [{"reference": source.address(kind)} for kind in ("score", "candidates")],
        "conclusion": f"Algorithm: {verdict.decision} (score {verdict.score:.3f}, threshold {verdict.threshold:.3f}, "
        f"quality {verdict.gradability.verdict}). {UNREAD}",
    }


def _observation(source: FhirSource, code: str, text: str) -> dict[str, Any]:
    photograph = source.localization.fundus.photograph
    eye = EYES.get(photograph.metadata.get("eye", ""))
    site = {**_concept(RETINA, *([eye] if eye else [])), "text": f"Retina, {eye[2].lower()} eye" if eye else "Retina"}
    frame = photograph.metadata.get("frame")
    media = {"type": "Media", "identifier": {"system": SHA256, "value": photograph.sha256}}
    shown = photograph.name if frame is None else f"{photograph.name}, frame {frame + 1}"
    derived = [{**media, "display": shown}]
    if source.uids is not None:
        derived.append(_reference("Media", source.uids.instance))
    return {
        "resourceType": "Observation",
        "category": [_concept((CATEGORY, "imaging", "Imaging"))],
        "code": _concept((OWN, code, text)),
        **source.shared(),
        "bodySite": site,
        "method": {"text": f"{DEVICE} {source.run['method']['name']} {__version__}"},
        "device": {"reference": source.address("device")},
        "derivedFrom": derived,
    }


def _concept(*terms: Term) -> dict[str, Any]:
    coding = [{"system": system, "code": code, "display": text} for system, code, text in terms]
    return {"coding": coding, "text": terms[0][2]}


def _quantity(value: float) -> dict[str, Any]:
    return {"value": float(f"{value:.7g}"), "system": UCUM, "code": "1"}


def _reference(kind: str, uid: str) -> dict[str, Any]:
    return {"type": kind, "identifier": {"system": DICOM_UID, "value": f"urn:oid:{uid}"}}


def _code(meaning: str) -> str:
    """The code of a value of our own scheme, as in the DICOM results."""
    return meaning.upper().replace(" ", "_")[:16]
