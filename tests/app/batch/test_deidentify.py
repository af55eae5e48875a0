"""`retina-xai deidentify`: the picture stays, the patient goes, files of a patient and of a study stay together."""

import stat

import numpy as np
import pydicom
import pytest
from helpers.command_line import command, one_line
from helpers.dicom_files import SECRETS, STUDY, SYNTAXES, content, encapsulated, jpeg, photograph, save_as
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit

from retina_xai.io.images import read_image
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(3, 288, 352, grade=3).pixels
HIDDEN = (*SECRETS, STUDY, "20240229")


def planted(number, **attributes):
    """A photograph with the patient also in items of sequences, in private attributes and in the preamble."""
    made = photograph(np.roll(EYE, number, axis=1), number, **attributes)
    inner, outer = Dataset(), Dataset()
    inner.PatientName, inner.PatientID, inner.StudyDate = "Quixley^Ottoline", SECRETS[2], "20240229"
    inner.ReferencedSOPInstanceUID = f"{STUDY}.5"
    outer.CodeMeaning, outer.ReferencedSeriesSequence = "retina", [inner]
    made.SharedFunctionalGroupsSequence = [outer]
    made.ReferencedStudySequence = [inner]
    made.private_block(0x0099, "Quixley Ltd", create=True).add_new(1, "LO", "Ottoline")
    made.preamble = b"Quixley".ljust(128, b"\0")
    return made


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return command(monkeypatch, capsys)


def copies(folder):
    return {pydicom.dcmread(path).InstanceNumber: path for path in folder.glob("*.dcm")}


@pytest.mark.parametrize("kind", SYNTAXES)
def test_the_picture_stays_and_the_patient_goes(call, tmp_path, kind):
    source = save_as(tmp_path / "in" / "Quixley.dcm", planted(1), kind)
    code, out, err = call("deidentify", "in", "--out", "out")
    assert (code, err) == (0, "")
    (copy,) = (tmp_path / "out").glob("*.dcm")
    assert [secret for secret in HIDDEN if secret.encode() in copy.read_bytes()] == []
    assert [secret for secret in HIDDEN if secret in out + copy.name] == []
    before, after = read_image(source), read_image(copy)
    np.testing.assert_array_equal(after.pixels, before.pixels)
    assert after.metadata == before.metadata
    made = pydicom.dcmread(copy)
    assert made.PatientIdentityRemoved == "YES"
    assert made.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID != f"{STUDY}.2.1"


def test_patients_and_studies_stay_together_and_the_key_decides(call, tmp_path):
    prior = {"StudyInstanceUID": f"{STUDY}.9"}
    for number, attributes in enumerate([{}, {"ImageLaterality": "L"}, prior, {"PatientID": "ZZ1"}], start=1):
        save_as(tmp_path / "in" / f"{number}.dcm", planted(number, **attributes))
    assert call("deidentify", "in", "--out", "out")[0] == 0
    found = {number: read_image(path).identity for number, path in copies(tmp_path / "out").items()}
    assert [found[one].patient == found[1].patient for one in (2, 3, 4)] == [True, True, False]
    assert [found[one].study == found[1].study for one in (2, 3)] == [True, False]
    assert found[2].eye == "left"

    key = tmp_path / "out.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert call("deidentify", "in", "--out", "again", "--key", key)[0] == 0
    for one in (tmp_path / "out").glob("*.dcm"):
        assert (tmp_path / "again" / one.name).read_bytes() == one.read_bytes()
    assert call("deidentify", "in", "--out", "other")[0] == 0
    other = {number: read_image(path).identity for number, path in copies(tmp_path / "other").items()}
    assert other[1].patient != found[1].patient
    code, _, err = call("deidentify", "in", "--out", "out", "--key", "other.key")
    assert code == 2
    assert "made with other settings (key)" in one_line(err)


def test_a_run_goes_on_where_it_stopped_and_names_what_failed(call, tmp_path):
    save_as(tmp_path / "in" / "good.dcm", planted(1))
    stream = jpeg(EYE)
    hidden = encapsulated(planted(2), stream[:2] + b"\xff\xfe\x00\x0aOttoline" + stream[2:])
    (tmp_path / "in" / "hidden.dcm").write_bytes(content(hidden, JPEGBaseline8Bit))
    save_as(tmp_path / "in" / "kept.dcm", planted(3, AcquisitionDeviceProcessingCode="QUIXLEY 7"))
    (tmp_path / "in" / "Quixley.dcm").write_bytes((tmp_path / "in" / "good.dcm").read_bytes()[:5000])
    (tmp_path / "in" / "plain.png").write_bytes(b"no DICOM")
    code, out, err = call("deidentify", "in", "--out", "out")
    assert code == 5
    assert "4 of 5 photographs failed" in one_line(err)
    assert "its compressed pixel data (EXIF, or a comment) holds a name or number of the patient" in out
    assert "the attribute AcquisitionDeviceProcessingCode, which the profile keeps, holds a name" in out
    assert "plain.png: is no DICOM file" in out
    assert "damaged DICOM file" in out
    assert [secret for secret in HIDDEN if secret in out + err] == []
    assert len(list((tmp_path / "out").glob("*.dcm"))) == 1
    assert call("deidentify", "in/good.dcm", "--out", "out")[1].count("done before") == 1


def test_text_in_the_pixels_is_warned_of(call, tmp_path, caplog):
    save_as(tmp_path / "in" / "1.dcm", planted(1, BurnedInAnnotation="YES"))
    assert call("deidentify", "in", "--out", "out")[0] == 0
    assert "may hold burnt-in text" in caplog.text


def test_keys_that_are_refused(call, tmp_path):
    save_as(tmp_path / "in" / "1.dcm", planted(1))
    (tmp_path / "short").write_text("abcd")
    told = {"out/key": (2, "must not lie in the folder"), "in/1.dcm": (3, "is no key"), "short": (3, "holds 2 bytes")}
    for file, (expected, text) in told.items():
        code, _, err = call("deidentify", "in", "--out", "out", "--key", file)
        assert code == expected, file
        assert text in one_line(err)
    assert not (tmp_path / "out").exists()
