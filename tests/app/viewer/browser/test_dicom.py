"""DICOM studies in a real browser: patients together, sizes in millimetres, export by one click."""

import zipfile

import pytest
from helpers.dicom_files import PATIENT_NUMBER, SECRETS, photograph, save_as
from helpers.examinations import find_candidates, is_stored, type_keys
from helpers.viewer_pages import downloaded, on_worklist, open_photograph, press, rows
from helpers.viewer_process import PATIENCE, start
from playwright.sync_api import expect

from retina_xai.training.phantoms.phantom import make_phantom

LATER = {"StudyInstanceUID": "1.2.3.4", "AcquisitionDateTime": "20260101120000"}


@pytest.fixture(scope="module")
def studies(tmp_path_factory, weights, browser):
    """A viewer of two studies of one eye, in files that are named by the patient."""
    folder = tmp_path_factory.mktemp("studies")
    for number, more in enumerate(({}, LATER), start=1):
        pixels = make_phantom(number, 200, 240, grade=4).pixels
        save_as(folder / "in" / f"{PATIENT_NUMBER}_{number}", photograph(pixels, number, **more))
    running = start(folder, weights, "--data", folder / "in")
    yield running
    running.process.terminate()
    running.process.wait(PATIENCE)


def test_a_study_is_read_and_exported_without_a_name(page, studies, tmp_path):
    on_worklist(page, studies)
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("patient 1, study 2 of 2, right")
    expect(rows(page).last).to_contain_text("earlier study")
    open_photograph(page, "patient 1, study 2 of 2, right", "A. Reader")
    find_candidates(page)
    expect(page.get_by_role("table", name="Lesion candidates")).to_contain_text("area mm²")
    type_keys(page, "c", "r", "f")
    is_stored(page)
    press(page, page.get_by_text("Export my readings of this photograph"))
    download = downloaded(page, "DICOM objects (ZIP)")
    download.save_as(tmp_path / "objects.zip")
    archive = zipfile.ZipFile(tmp_path / "objects.zip")
    assert "reader_findings.dcm" in archive.namelist()
    seen = page.content().encode() + b"".join(archive.read(name) for name in archive.namelist())
    assert not any(secret.encode() in seen for secret in (*SECRETS, "A. Reader^"))
    (reading,) = studies.readings
    assert reading.image.name.startswith("dicom-") and download.suggested_filename == f"{reading.image.name}.zip"
