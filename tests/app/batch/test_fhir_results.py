"""`localize --fhir`: valid FHIR resources with the numbers of the record, and a patient only on request."""

import json
from dataclasses import replace

import pytest
from fhir.resources.R4B.bundle import Bundle
from helpers.dicom_files import PATIENT_NUMBER, SECRETS, STUDY, photograph, save_as
from pydicom.sr.codedict import codes

from retina_xai import __version__, fhir_report
from retina_xai.app.batch.localize import LocalizeRun, localize_batch
from retina_xai.app.batch.photographs import PhotographReader
from retina_xai.dicom_results import codes as dicom_codes
from retina_xai.io.images import write_png
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(3, 288, 352, grade=3).pixels
METHOD = "saliency"


@pytest.fixture(scope="module")
def classifier(weights):
    return load_classifier(weights)


@pytest.fixture(scope="module")
def results(classifier, tmp_path_factory):
    """The folder of results of a DICOM photograph, of a PNG file and of a black picture, which is not explained."""
    folder = tmp_path_factory.mktemp("fhir")
    write_png(folder / "eye.png", EYE)
    write_png(folder / "black.png", EYE // 40)
    paths = [save_as(folder / "QX195603.dcm", photograph(EYE)), folder / "eye.png", folder / "black.png"]
    localize_batch(paths, LocalizeRun(classifier, folder / "out", METHOD, fhir=True), lambda *_: None)
    return folder


def parts_of(path):
    """The resources of a bundle by kind, after FHIR's own rules were checked."""
    content = json.loads(path.read_text())
    Bundle.model_validate(content)
    device, score, candidates, report = (entry["resource"] for entry in content["entry"])
    assert [one["resourceType"] for one in (device, score, candidates, report)] == [
        *("Device", "Observation", "Observation", "DiagnosticReport"),
    ]
    addresses = [entry["fullUrl"] for entry in content["entry"]]
    assert len(set(addresses)) == 4
    assert [one["reference"] for one in report["result"]] == addresses[1:3]
    assert [one["device"]["reference"] for one in (score, candidates)] == addresses[:1] * 2
    return device, score, candidates, report


def bundle_of(results, name):
    (path,) = (results / "out" / "fhir").glob(f"{name}*.json")
    return path, json.loads((results / "out" / path.name).read_text())


@pytest.mark.parametrize("name", ["dicom-", "eye"])
def test_numbers_and_device_are_those_of_the_record(results, name):
    path, record = bundle_of(results, name)
    device, score, candidates, report = parts_of(path)
    said = record["prediction"]
    assert score["valueQuantity"]["value"] == pytest.approx(said["rdr_score"], rel=1e-6)
    threshold, quality = score["component"]
    assert threshold["valueQuantity"]["value"] == pytest.approx(said["threshold"], rel=1e-6)
    assert quality["valueCodeableConcept"]["text"] == record["gradability"]["verdict"]
    assert score["interpretation"][0]["text"] == said["decision"]
    assert candidates["valueInteger"] == len(record["lesions"]) > 0
    assert device["serialNumber"] == record["model"]["sha256"]
    assert device["version"] == [{"value": __version__}]
    assert f"Algorithm: {said['decision']} (score {said['rdr_score']:.3f}" in report["conclusion"]
    assert score["derivedFrom"][0]["identifier"]["value"] == record["file"]["sha256"]


def test_no_person_is_said_to_have_read_it(results):
    _, score, candidates, report = parts_of(bundle_of(results, "eye")[0])
    for one in (score, candidates, report):
        assert one["status"] == "preliminary"
        assert not {"performer", "resultsInterpreter", "note"} & one.keys()
    assert "no person has read the photograph" in report["conclusion"]


def test_a_photograph_that_was_not_explained_has_no_number_of_candidates(results):
    path, record = bundle_of(results, "black")
    assert record["prediction"]["decision"] == "ungradable"
    _, score, candidates, _ = parts_of(path)
    assert "valueInteger" not in candidates
    assert candidates["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert score["interpretation"][0]["text"] == "ungradable"


def test_a_dicom_photograph_is_referenced_and_its_patient_named_on_request_only(results, classifier, tmp_path):
    path, _ = bundle_of(results, "dicom-")
    assert [secret for secret in (*SECRETS, "2024") if secret in path.read_text().replace(_issued(path), "")] == []
    _, score, _, report = parts_of(path)
    assert report["imagingStudy"] == [
        {"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY}"}}
    ]
    assert score["derivedFrom"][1]["identifier"]["value"] == f"urn:oid:{STUDY}.2.1"
    assert [one["code"] for one in score["bodySite"]["coding"]] == ["5665001", "24028007"]
    run = LocalizeRun(classifier, tmp_path, METHOD, reader=PhotographReader(identified=True), fhir=True)
    localize_batch([results / "QX195603.dcm"], run, lambda *_: None)
    for one in parts_of(tmp_path / "fhir" / "QX195603.json")[1:]:
        assert one["subject"] == {"type": "Patient", "identifier": {"value": PATIENT_NUMBER}}
        assert one["effectiveDateTime"] == "2024-02-29"


def _issued(path):
    return json.loads(path.read_text())["entry"][1]["resource"]["issued"]


def test_bundles_are_added_to_earlier_records_and_keep_their_addresses(results, classifier, tmp_path):
    run, lines = LocalizeRun(classifier, tmp_path, METHOD), []
    localize_batch([results / "eye.png"], run, lambda *_: None)
    for _ in range(2):
        localize_batch([results / "eye.png"], replace(run, fhir=True), lambda _, line: lines.append(line))
    assert (lines[0] == "done before", lines[1]) == (False, "done before")
    urls = [
        [entry["fullUrl"] for entry in json.loads(path.read_text())["entry"]]
        for path in (tmp_path / "fhir" / "eye.json", results / "out" / "fhir" / "eye.json")
    ]
    assert urls[0] == urls[1]


def test_our_own_codes_are_those_of_the_dicom_results(results):
    _, score, candidates, _ = parts_of(bundle_of(results, "eye")[0])
    found = [score["code"], candidates["code"], *(one["code"] for one in score["component"])]
    expected = [dicom_codes.SCORE, dicom_codes.COUNT, dicom_codes.THRESHOLD, dicom_codes.QUALITY]
    assert [(one["coding"][0]["code"], one["text"]) for one in found] == [(one.value, one.meaning) for one in expected]
    (decision,) = score["interpretation"]
    assert decision["coding"][0]["code"] == dicom_codes.own(decision["text"]).value


def test_the_codes_of_snomed_are_those_of_pydicom():
    assert fhir_report.RETINA[1:] == (codes.SCT.Retina.value, codes.SCT.Retina.meaning)
    for eye, code in {"right": codes.SCT.Right, "left": codes.SCT.Left}.items():
        assert fhir_report.EYES[eye][1:] == (code.value, code.meaning)
