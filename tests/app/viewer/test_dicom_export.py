"""DICOM objects by click: the algorithm's and the reader's apart, in place, without names."""

import io
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime

import highdicom
import pydicom
import pytest
from helpers.dicom_files import SECRETS, photograph, save_as

from retina_xai.app.readings.model import ImageFile, Reading, agreement
from retina_xai.app.viewer.dicom_export import dicom_zip, has_uids
from retina_xai.app.viewer.findings import Question, localized
from retina_xai.app.viewer.items import items_of
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk
from retina_xai.models.checkpoint import load_classifier
from retina_xai.records import run_facts
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(3, 288, 352, grade=3).pixels
METHOD = "saliency"
DRAWN = Annotation("a", "haemorrhages", Disk(100.0, 120.0, 9.0), "reader", "added")
READER = "A. Reader=B^C"


@pytest.fixture(scope="module")
def made(weights, tmp_path_factory):
    """The file, the localization, the facts, and the reading."""
    folder = tmp_path_factory.mktemp("export")
    path = save_as(folder / "eye.dcm", photograph(EYE))
    classifier = load_classifier(weights)
    photo = items_of([path], [path]).items[0].read()
    found = localized(photo, classifier, Question(METHOD))
    accepted, rejected, unseen, *_ = found.lesions
    lesions = (
        accepted,
        Annotation(**{**vars(rejected), "status": "deleted"}),
        Annotation(**{**vars(unseen), "status": "unreviewed"}),
        DRAWN,
    )
    reading = Reading(
        reader=READER,
        time=datetime(2026, 3, 4, 10, 20, tzinfo=UTC),
        finding="refer",
        grade=3,
        oedema="unsure",
        comment="seen with Ottoline",
        image=ImageFile.of(photo),
        model_sha256=classifier.sha256,
        verdict=found.verdict,
        decision=agreement("refer", found.verdict),
        lesions=lesions,
    )
    return path, found, run_facts(classifier, METHOD, fundus_explainer(METHOD).settings()), reading


@pytest.fixture(scope="module")
def objects(made, tmp_path_factory):
    """The objects by file name, unpacked."""
    path, found, facts, reading = made
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(io.BytesIO(dicom_zip(path, found, facts, reading))).extractall(folder)
    return {file.name: file for file in folder.iterdir()}


def test_all_objects_reference_the_photograph_and_name_nobody(made, objects):
    kinds = ("candidates", "evidence", "findings", "outlines", "overlay", "report")
    assert sorted(objects) == [*(f"algorithm_{kind}.dcm" for kind in kinds), "reader_findings.dcm"]
    source = pydicom.dcmread(made[0], stop_before_pixels=True)
    for file in objects.values():
        content = file.read_bytes()
        assert not any(secret.encode() in content for secret in (*SECRETS, "A. Reader"))
        assert source.SOPInstanceUID.encode() in content
        assert pydicom.dcmread(file).StudyInstanceUID == source.StudyInstanceUID


def test_the_readers_report_says_what_the_reader_said_and_no_more(objects):
    file = pydicom.dcmread(objects["reader_findings.dcm"])
    content = highdicom.sr.ComprehensiveSR.from_dataset(file).content
    (whole,) = content.get_image_measurement_groups()
    said = {one.name.value: one.value.meaning for one in whole.get_qualitative_evaluations()}
    assert said == {"READER_FINDING": "refer", "ICDR_GRADE": "grade 3", "MACULAR_OEDEMA": "unsure"}
    assert whole.get_measurements() == []
    groups = content.get_planar_roi_measurement_groups()
    marks = [one.get_qualitative_evaluations()[0].value.meaning for one in groups]
    assert marks == [
        "found by the system, accepted by the reader",
        "found by the system, rejected by the reader",
        "drawn by the reader",
    ]
    points = groups[-1].roi.value
    assert points.mean(axis=0).tolist() == pytest.approx([100.5, 120.5], abs=0.5)
    assert (file.ContentDate, file.SeriesDescription) == ("20260304", "Findings of the reader")


def test_the_observers_are_a_person_and_a_device(objects):
    observers = {}
    for name in ("reader_findings.dcm", "algorithm_findings.dcm"):
        told = pydicom.dcmread(objects[name])
        kinds = [
            item.ConceptCodeSequence[0].CodeMeaning for item in told.ContentSequence if "ConceptCodeSequence" in item
        ]
        observers[name] = {"Person", "Device"} & set(kinds)
    assert observers == {"reader_findings.dcm": {"Person"}, "algorithm_findings.dcm": {"Device"}}


def test_identified_reports_name_the_reader(made):
    path, found, facts, reading = made
    archive = zipfile.ZipFile(io.BytesIO(dicom_zip(path, found, facts, reading, identified=True)))
    told = pydicom.dcmread(io.BytesIO(archive.read("reader_findings.dcm")))
    names = [str(element.value) for element in told.iterall() if element.keyword == "PersonName"]
    assert names == ["A. Reader B C^"]


def test_without_a_reading_there_is_no_report_of_a_reader(made):
    path, found, facts, _ = made
    assert "reader_findings.dcm" not in zipfile.ZipFile(io.BytesIO(dicom_zip(path, found, facts, None))).namelist()


def test_a_photograph_without_uids_is_known(made, tmp_path):
    assert has_uids(made[0])
    assert not has_uids(save_as(tmp_path / "a.dcm", photograph(EYE, SeriesInstanceUID=None)))


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian's dicom3tools) is not installed")
def test_dciodvfy_finds_no_error_in_the_readers_report(objects):
    done = subprocess.run(
        ["dciodvfy", "-new", objects["reader_findings.dcm"]], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


@pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dsrdump (Debian's dcmtk) is not installed")
def test_dsrdump_reads_the_readers_report(objects):
    done = subprocess.run(["dsrdump", objects["reader_findings.dcm"]], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if line.startswith(("E:", "F:"))] == []
