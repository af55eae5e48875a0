"""What identifies a patient in DICOM files reaches no result, file name, screen or log, unless the user asks for it."""

import csv

import numpy as np
import pytest
from helpers.command_line import FACTORY, command
from helpers.dicom_bombs import with_pixels
from helpers.dicom_files import PATIENT_NUMBER, SECRETS, STUDY, photograph, save_as

from retina_xai.training.phantoms.phantom import make_phantom

HIDDEN = (*SECRETS, STUDY, "20240229", "2024-02-29")
EYES = [make_phantom(seed, 288, 352, grade=3).pixels for seed in (3, 4)]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Both eyes of a patient and a prior, with the name in folders and file names; other patients; a damaged file."""
    folder = tmp_path_factory.mktemp("export")
    patient = folder / "Quixley^Ottoline_19560304"
    prior = {"StudyInstanceUID": f"{STUDY}.9", "AcquisitionDateTime": "20210101"}
    kinds = {"QX195603_R.dcm": {}, "QX195603_L.dcm": {"ImageLaterality": "L"}, "IM0001": prior}
    for number, (name, attributes) in enumerate(kinds.items(), start=1):
        made = photograph(np.roll(EYES[0], number, axis=1), number, **attributes)
        save_as(patient / name, made, ("implicit", "JPEG", "deflated")[number - 1])
    other = photograph(EYES[1], 7, PatientID="ZZ1", PatientName="Fairweather^Other", StudyInstanceUID=f"{STUDY}.8")
    save_as(folder / "Fairweather" / "IM0001", other)
    (folder / "Fairweather" / "Quixley.dcm").write_bytes(with_pixels(PixelData=None))
    return folder


def told(content, secrets=HIDDEN):
    return [secret for secret in secrets if secret.encode() in content]


COMMANDS = {
    "predict": ("--out", "scores.csv", "--weights", "{weights}"),
    "localize": ("--out", "results", "--weights", "{weights}", "--method", "saliency"),
    "localize --dicom": ("--out", "results", "--weights", "{weights}", "--method", "saliency", "--dicom", "--fhir"),
    "explain": ("--out", "results", "--model", "own:make", "--method", "saliency", "--no-trust"),
}


@pytest.fixture
def run(planted, weights, tmp_path, monkeypatch, capsys):
    """Runs a command over the planted folder in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RETINA_XAI_DEBUG", "1")
    (tmp_path / "own.py").write_text(FACTORY)
    call = command(monkeypatch, capsys)
    return lambda name, *more: call(
        name.split()[0], planted, *(text.format(weights=weights) for text in COMMANDS[name]), *more
    )


def patients_in(folder):
    (table,) = folder.rglob("*patients.csv")
    with table.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_planted_patient_is_found_nowhere(run, planted, tmp_path, caplog, name):
    code, out, err = run(name)
    assert code == 5, err
    assert "1 of 5 photographs failed (dicom-" in err
    assert "is a DICOM file without pixel data" in out
    screen = (out + err + caplog.text).replace(str(planted), "")
    assert told(screen.encode()) == []
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "own.py"]
    assert len(written) >= 2
    hidden = [one for one in HIDDEN if one != STUDY] if "--dicom" in name else HIDDEN  # objects reference the study
    assert [path for path in written if told(path.read_bytes(), hidden)] == []
    assert [path for path in written if told(str(path.relative_to(tmp_path)).encode())] == []
    assert len([path for path in written if path.suffix == ".dcm"]) == (24 if "--dicom" in name else 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_both_eyes_and_priors_are_together_by_identity(run, tmp_path, name):
    run(name)
    rows = patients_in(tmp_path)
    found = [(row["patient"], row["study"], row["eye"]) for row in rows]
    assert found == [("1", "1", "right"), ("2", "1", "right"), ("2", "2", "left"), ("2", "2", "right")]
    assert set(rows[0]) == {"patient", "study", "eye", "file", "result"}
    assert all(row["result"] == row["file"] for row in rows)


def test_identified_results_name_the_files_and_the_patient(run, tmp_path):
    code, out, _ = run("localize", "--identified")
    assert code == 5
    assert "QX195603_R.dcm: " in out
    results = {path.name for path in (tmp_path / "results").glob("*.json")}
    assert {"QX195603_R.json", "QX195603_L.json"} < results
    assert len(results) == 5, "the two IM0001 have names of their own"
    row = next(row for row in patients_in(tmp_path) if row["file"] == "QX195603_R.dcm")
    assert (row["patient_id"], row["study_uid"], row["acquired"]) == (PATIENT_NUMBER, STUDY, "2024-02-29T10:15:02")


def test_a_folder_of_results_is_either_identified_or_not(run):
    run("localize")
    code, _, err = run("localize", "--identified")
    assert code == 2
    assert "made with other settings (identified)" in err


def test_a_frame_is_chosen_for_a_run_and_kept_in_its_settings(planted, weights, tmp_path, monkeypatch, capsys):
    made = photograph(EYES[0], NumberOfFrames=2, PixelData=b"".join(eye.tobytes() for eye in EYES))
    path, call = save_as(tmp_path / "eyes.dcm", made), command(monkeypatch, capsys)
    options = ("--weights", weights, "--method", "saliency", "--out", tmp_path / "out")
    assert call("localize", path, *options)[0] == 3
    assert call("localize", path, *options, "--frame", 1)[0] == 2, "the folder was claimed without a frame"
    assert call("localize", path, *options[:-1], tmp_path / "second", "--frame", 1)[0] == 0
    (record,) = list((tmp_path / "second").glob("dicom-*.json"))
    assert '"frame": 1' in record.read_text()
