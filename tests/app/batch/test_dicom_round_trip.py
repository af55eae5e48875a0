"""Photograph -> DICOM in every transfer syntax -> localize -> segmentations, report, overlay, PDF -> read again."""

import json
import shutil
import subprocess

import highdicom
import numpy as np
import pydicom
import pypdfium2
import pytest
from helpers.dicom_files import PATIENT_NUMBER, STUDY, SYNTAXES, photograph, save_as
from PIL import Image
from pydicom.uid import ColorSoftcopyPresentationStateStorage, GrayscaleSoftcopyPresentationStateStorage

from retina_xai.app.batch.localize import LocalizeRun, localize_batch
from retina_xai.app.batch.photographs import PhotographReader
from retina_xai.dicom_results.segmentations import mask_of
from retina_xai.dicom_results.structured_report import LISTED
from retina_xai.errors import InputError, UsageError
from retina_xai.io.images import find_images, read_image, write_png
from retina_xai.lesions.candidates import lesion_candidates
from retina_xai.localization import localize
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(3, 288, 352, grade=3).pixels
METHOD = "saliency"
KINDS = ("candidates", "evidence", "overlay", "outlines", "findings", "report")
EXPLAINED = {
    "</PatientID": "empty without --identified",
    "</StudyDate": "empty without --identified",
    "</StudyTime": "empty without --identified",
    "</StudyID": "empty without --identified",
    "99RETINAXAI": "concepts that have no standard code",
}
"""Parts of the complaints of dciodvfy that are expected, and why."""


@pytest.fixture(scope="module")
def classifier(weights):
    return load_classifier(weights)


@pytest.fixture(scope="module")
def results(classifier, tmp_path_factory):
    """The sources by kind, and the folder of their results."""
    folder = tmp_path_factory.mktemp("round trip")
    sources = {
        kind: save_as(folder / "in" / f"{number}.dcm", photograph(EYE, number), kind)
        for number, kind in enumerate(SYNTAXES, start=1)
    }
    run = LocalizeRun(classifier, folder / "out", METHOD, ungradable=True, dicom=True)
    localize_batch(list(sources.values()), run, lambda *_: None)
    return sources, folder / "out"


def opened(results, kind, what):
    """An object of the results, and what `localize` finds in memory."""
    path, out = results[0][kind], results[1]
    return pydicom.dcmread(out / f"{read_image(path).name}_{what}.dcm")


@pytest.fixture(scope="module")
def expected(results, classifier):
    """What is found in the pixels of the lossless files, and in those of the JPEG."""
    from retina_xai.explainers.registry import fundus_explainer

    def find(kind):
        return localize(read_image(results[0][kind]), classifier, fundus_explainer(METHOD), ungradable=True)

    lossless, jpeg = find("explicit"), find("JPEG")
    return {kind: jpeg if kind == "JPEG" else lossless for kind in SYNTAXES}


@pytest.mark.parametrize("kind", SYNTAXES)
def test_the_segmentation_is_the_mask_of_the_candidates_in_its_place(results, expected, kind):
    found = highdicom.seg.Segmentation.from_dataset(opened(results, kind, "candidates"))
    lesions = expected[kind].lesions
    assert len(lesions) > 3
    assert found.pixel_array.astype(bool).tolist() == mask_of(list(lesions), EYE.shape[:2]).tolist()
    (segment,) = found.SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "49755003"
    (referenced,) = found.SourceImageSequence
    source = pydicom.dcmread(results[0][kind], stop_before_pixels=True)
    assert referenced.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert referenced.ReferencedSOPClassUID == source.SOPClassUID
    assert found.StudyInstanceUID == STUDY


@pytest.mark.parametrize("kind", SYNTAXES)
def test_the_fractional_segmentation_is_the_evidence(results, expected, kind):
    found = opened(results, kind, "evidence")
    assert found.SegmentationType == "FRACTIONAL"
    np.testing.assert_array_equal(found.pixel_array, np.rint(expected[kind].evidence * 255))


@pytest.mark.parametrize("kind", SYNTAXES)
def test_codes_and_numbers_of_the_report_are_those_of_the_record(results, expected, kind):
    made = opened(results, kind, "findings")
    content = highdicom.sr.ComprehensiveSR.from_dataset(made).content
    record = json.loads((results[1] / f"{read_image(results[0][kind]).name}.json").read_text())
    (whole,) = content.get_image_measurement_groups()
    numbers = {one.name.value: one.value for one in whole.get_measurements()}
    score = record["prediction"]["rdr_score"]
    assert numbers == {
        "RDR_SCORE": pytest.approx(score, rel=1e-12),
        "THRESHOLD": pytest.approx(record["prediction"]["threshold"], rel=1e-12),
        "CANDIDATES": len(record["lesions"]),
    }
    said = {one.name.value: one.value.meaning for one in whole.get_qualitative_evaluations()}
    assert said == {"DECISION": record["prediction"]["decision"], "QUALITY": record["gradability"]["verdict"]}
    groups = content.get_planar_roi_measurement_groups()
    assert len(groups) == min(len(record["lesions"]), LISTED)
    for group, lesion, annotation in zip(groups, record["lesions"], expected[kind].lesions, strict=False):
        values = {one.name.meaning: one for one in group.get_measurements()}
        assert values["Largest evidence in the candidate"].value == pytest.approx(lesion["score"], rel=1e-12)
        assert values["Area"].value == pytest.approx(lesion["area"] * 1e-4, rel=1e-5)
        assert values["Area"].unit.value == "mm2"
        points = group.roi.value
        assert [*points.min(axis=0), *points.max(axis=0)] == lesion["box"]
        assert group.finding_type.value == "49755003"
        assert tuple(points[0] - 0.5) in {point for ring in annotation.shape.rings for point in ring}
    assert {item.ReferencedSOPInstanceUID for item in _items(made, "ReferencedSOPSequence")} == {
        pydicom.dcmread(results[0][kind], stop_before_pixels=True).SOPInstanceUID
    }


def _items(made, keyword):
    return [item for element in made.iterall() if element.keyword == keyword for item in element.value]


@pytest.mark.parametrize("kind", SYNTAXES)
def test_overlay_and_pdf_are_those_of_the_photograph(results, kind):
    name = read_image(results[0][kind]).name
    overlay, report = opened(results, kind, "overlay"), opened(results, kind, "report")
    with Image.open(results[1] / f"{name}_overlay.png") as picture:
        np.testing.assert_array_equal(overlay.pixel_array, np.asarray(picture))
    source = pydicom.dcmread(results[0][kind], stop_before_pixels=True).SOPInstanceUID
    assert overlay.SourceImageSequence[0].ReferencedSOPInstanceUID == source
    assert report.SourceInstanceSequence[0].ReferencedSOPInstanceUID == source
    document = pypdfium2.PdfDocument(bytes(report.EncapsulatedDocument[: report.EncapsulatedDocumentLength]))
    text = "".join(document[number].get_textpage().get_text_bounded() for number in range(len(document)))
    document.close()
    assert "Findings of an algorithm" in text
    assert "not read by a person" in text
    assert "found by the system" in text
    assert [word for word in ("accepted", "rejected", "the reader") if word in text] == []


@pytest.mark.parametrize("kind", SYNTAXES)
def test_the_presentation_state_draws_the_outlines_of_the_record(results, expected, kind):
    made = opened(results, kind, "outlines")
    source = pydicom.dcmread(results[0][kind], stop_before_pixels=True)
    assert made.SOPClassUID == ColorSoftcopyPresentationStateStorage
    (series,) = made.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    (drawn,) = made.GraphicAnnotationSequence
    assert drawn.ReferencedImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    lesions = expected[kind].lesions
    for line, text, lesion in zip(drawn.GraphicObjectSequence, drawn.TextObjectSequence, lesions, strict=True):
        points = np.reshape(line.GraphicData, (-1, 2))
        left, top, right, bottom = (value + 0.5 for value in lesion.shape.box)
        assert [*points.min(axis=0), *points.max(axis=0)] == [left, top, right, bottom]
        assert (points[0] == points[-1]).all()
        assert text.UnformattedTextValue == str(lesion.id)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian's dicom3tools) is not installed")
@pytest.mark.parametrize("what", KINDS)
def test_dciodvfy_finds_nothing_but_what_is_explained(results, what):
    path = results[1] / f"{read_image(results[0]['explicit']).name}_{what}.dcm"
    told = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False).stderr
    complaints = [line for line in told.splitlines() if line.startswith(("Error", "Warning"))]
    assert [line for line in complaints if not any(part in line for part in EXPLAINED)] == []
    assert not [line for line in complaints if line.startswith("Error")]


@pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dsrdump (Debian's dcmtk) is not installed")
def test_dsrdump_reads_the_report(results):
    path = results[1] / f"{read_image(results[0]['explicit']).name}_findings.dcm"
    done = subprocess.run(["dsrdump", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Imaging Measurement Report" in done.stdout
    assert [line for line in done.stderr.splitlines() if line.startswith(("E:", "F:"))] == []


def test_results_are_no_photographs(results):
    with pytest.raises(InputError, match="only pictures that earlier runs wrote"):
        find_images([results[1]])


def test_a_photograph_without_spacing_and_with_a_chosen_frame(classifier, tmp_path):
    frames = np.stack([EYE, EYE[:, ::-1]])
    made = photograph(EYE, PixelSpacing=None, NumberOfFrames=2, PixelData=frames.tobytes())
    path = save_as(tmp_path / "eyes.dcm", made)
    run = LocalizeRun(classifier, tmp_path / "out", METHOD, reader=PhotographReader(frame=1), dicom=True)
    localize_batch([path], run, lambda *_: None)
    name = read_image(path, 1).name
    found = {what: pydicom.dcmread(tmp_path / "out" / f"{name}_{what}.dcm") for what in KINDS}
    assert found["overlay"].SourceImageSequence[0].ReferencedFrameNumber == 2
    assert found["report"].SourceInstanceSequence[0].ReferencedFrameNumber == 2
    for item in _items(found["outlines"], "ReferencedImageSequence"):
        assert item.ReferencedFrameNumber == 2
    record = json.loads((tmp_path / "out" / f"{name}.json").read_text())
    units = {item.CodeValue for item in _items(found["findings"], "MeasurementUnitsCodeSequence")}
    assert units == ({"1", "{disc_area}", "{disc_diameter}"} if record["lesions"] else {"1"})


def test_the_presentation_state_of_a_grey_photograph_is_grey(classifier, tmp_path):
    path = save_as(tmp_path / "eye.dcm", photograph(EYE[..., 1]))
    localize_batch([path], LocalizeRun(classifier, tmp_path / "out", METHOD, True, dicom=True), lambda *_: None)
    made = pydicom.dcmread(tmp_path / "out" / f"{read_image(path).name}_outlines.dcm")
    assert made.SOPClassUID == GrayscaleSoftcopyPresentationStateStorage


def test_identified_objects_belong_to_the_patient_and_others_to_nobody(classifier, tmp_path, results):
    path = save_as(tmp_path / "eye.dcm", photograph(EYE))
    reader = PhotographReader(identified=True)
    localize_batch([path], LocalizeRun(classifier, tmp_path / "out", METHOD, True, reader=reader, dicom=True), print)
    for what in KINDS:
        found = pydicom.dcmread(tmp_path / "out" / f"eye_{what}.dcm")
        assert (found.PatientID, found.PatientIdentityRemoved) == (PATIENT_NUMBER, "NO")
        nobody = opened(results, "explicit", what)
        assert (nobody.PatientID, nobody.PatientName, nobody.StudyDate) == ("", "", "")
        assert nobody.PatientIdentityRemoved == "YES"


def test_objects_are_added_to_earlier_records_and_kept_on_resume(classifier, tmp_path):
    path, run = save_as(tmp_path / "eye.dcm", photograph(EYE)), LocalizeRun(classifier, tmp_path / "out", METHOD, True)
    localize_batch([path], run, lambda *_: None)
    before = (tmp_path / "out" / f"{read_image(path).name}.json").read_bytes()
    with_dicom = LocalizeRun(classifier, tmp_path / "out", METHOD, True, dicom=True)
    lines = []
    for _ in range(2):
        localize_batch([path], with_dicom, lambda _, line: lines.append(line))
    assert lines[1] == "done before"
    assert lines[0] != "done before"
    assert len(list((tmp_path / "out").glob("*.dcm"))) == len(KINDS)
    assert (tmp_path / "out" / f"{read_image(path).name}.json").read_bytes() == before


def test_photographs_that_are_no_dicom_files_get_no_objects(classifier, tmp_path):
    write_png(tmp_path / "eye.png", EYE)
    run = LocalizeRun(classifier, tmp_path / "out", METHOD, True, dicom=True)
    with pytest.raises(UsageError, match="--dicom: no photograph is a DICOM file, which the results would reference"):
        localize_batch([tmp_path / "eye.png"], run, lambda *_: None)
    both = [tmp_path / "eye.png", save_as(tmp_path / "other.dcm", photograph(EYE))]
    localize_batch(both, run, lambda *_: None)
    assert len(list((tmp_path / "out").glob("*.dcm"))) == len(KINDS)


def test_the_mask_of_outlines_with_holes_is_exact():
    evidence = np.random.default_rng(0).uniform(0, 1, (40, 50)).astype(np.float32)
    evidence[10:20, 10:30] = 1
    evidence[13:16, 13:20] = 0
    mask = mask_of(lesion_candidates(evidence, 0.5), evidence.shape)
    np.testing.assert_array_equal(mask, evidence >= 0.5 * evidence.max())
