"""Items of DICOM files: names without patients, both eyes and earlier studies together, frames apart."""

from pathlib import Path

import numpy as np
import pytest
from helpers.dicom_files import PATIENT_NUMBER, SECRETS, STUDY, photograph, save_as
from helpers.viewer_services import open_at

from retina_xai.app.viewer.items import Item, fellow_of, items_of, uploads_of
from retina_xai.app.viewer.open_photograph import OpenPhotograph
from retina_xai.app.viewer.panels.worklist_page import listed_keys
from retina_xai.app.viewer.session import Session
from retina_xai.app.viewer.worklist import Row, Scored, by_urgency
from retina_xai.fundus.quality import Gradability
from retina_xai.io.images import find_images
from retina_xai.training.phantoms.phantom import make_phantom
from retina_xai.verdict import Verdict

EYES = [make_phantom(seed, 120, 144, grade=3).pixels for seed in range(3)]
SECOND = f"{STUDY}.9"


@pytest.fixture
def folder(tmp_path):
    """Patient A with two studies of both eyes, patient B with one file of three frames, in files of speaking names."""
    save_as(tmp_path / f"{PATIENT_NUMBER}_1.dcm", photograph(EYES[0], 1))
    save_as(tmp_path / f"{PATIENT_NUMBER}_2.dcm", photograph(EYES[1], 2, ImageLaterality="L"))
    later = {"StudyInstanceUID": SECOND, "AcquisitionDateTime": "20260101120000"}
    save_as(tmp_path / f"{PATIENT_NUMBER}_3.dcm", photograph(EYES[1], 3, ImageLaterality="L", **later))
    save_as(tmp_path / f"{PATIENT_NUMBER}_4.dcm", photograph(EYES[2], 4, **later))
    frames = photograph(EYES[0], 5, PatientID="B77", StudyInstanceUID=f"{STUDY}.8", NumberOfFrames=3)
    frames.PixelData = b"".join(np.ascontiguousarray(pixels).tobytes() for pixels in EYES)
    save_as(tmp_path / "scan.dcm", frames)
    return tmp_path


def listed(folder, **options):
    return items_of(find_images([folder]), [folder], **options).items


def test_names_tell_patient_study_eye_and_frame_and_nobody(folder):
    names = [item.name for item in listed(folder)]
    assert names == [
        "patient 1, study 1 of 2, right",
        "patient 1, study 1 of 2, left",
        "patient 1, study 2 of 2, left",
        "patient 1, study 2 of 2, right",
        *(f"patient 2, right, frame {number} of 3" for number in (1, 2, 3)),
    ]
    assert not any(secret in repr(names) for secret in SECRETS)


def test_identified_items_show_number_and_date(folder):
    names = [item.name for item in listed(folder, identified=True)]
    assert names[0] == f"{PATIENT_NUMBER}, 2024-02-29, study 1 of 2, right"
    assert names[2] == f"{PATIENT_NUMBER}, 2026-01-01, study 2 of 2, left"
    assert names[-1] == "B77, 2024-02-29, right, frame 3 of 3"


def test_the_latest_study_comes_first_and_the_patient_stays_together(folder):
    items = listed(folder)
    score = {item.key: 0.1 * number for number, item in enumerate(items)}
    known = {item.key: item for item in items}
    order = by_urgency(
        [Row(item, Scored(item.key, Verdict(Gradability("good", ""), score[item.key], 0.5))) for item in items]
    )
    placed = [known[key] for key in order.keys]
    assert [(item.name, item.later > 0) for item in placed[3:]] == [
        ("patient 1, study 2 of 2, right", False),
        ("patient 1, study 2 of 2, left", False),
        ("patient 1, study 1 of 2, right", True),
        ("patient 1, study 1 of 2, left", True),
    ]
    assert [item.frame for item in placed[:3]] == [0, 1, 2]


def test_the_other_eye_is_that_of_the_same_patient_and_study(folder):
    items = listed(folder)
    names = {item.name: item.key for item in items}
    pairs = {item.name: fellow.name for item in items if (fellow := fellow_of(item, items))}
    assert pairs == {
        f"patient 1, study {study} of 2, {eye}": f"patient 1, study {study} of 2, {other}"
        for study in (1, 2)
        for eye, other in (("right", "left"), ("left", "right"))
    }
    assert len(names) == 7


def test_eyes_are_paired_by_official_names_and_by_no_others():
    names = ("10_left.jpeg", "10_right.jpeg", "7_left.png", "12_OD_f_1.jpg", "12_OI_f_1.jpg", "12_OI_f_2.jpg")
    names += ("IDRiD_003.jpg", "IDRiD_004.jpg", "eye left.png", "eye right.png", "8_left_b.png", "8_right_b.png")
    items = [Item(name, name, Path(name)) for name in names]
    found = {item.name: fellow.name for item in items if (fellow := fellow_of(item, items))}
    assert found == {
        "10_left.jpeg": "10_right.jpeg",
        "10_right.jpeg": "10_left.jpeg",
        "12_OD_f_1.jpg": "12_OI_f_1.jpg",
        "12_OI_f_1.jpg": "12_OD_f_1.jpg",
        "12_OI_f_2.jpg": "12_OD_f_1.jpg",
    }


def test_two_photographs_of_one_eye_have_different_names(tmp_path):
    for number in (1, 2):
        save_as(tmp_path / f"{number}.dcm", photograph(EYES[number], number))
    assert [item.name for item in listed(tmp_path)] == ["patient 1, right (1)", "patient 1, right (2)"]


def test_files_without_a_patient_are_patients_of_their_own(tmp_path):
    for number in (1, 2):
        made = photograph(EYES[number], number, PatientID="", PatientName="", ImageLaterality=None)
        save_as(tmp_path / f"{number}.dcm", made)
    items = listed(tmp_path)
    assert [item.name for item in items] == ["unnamed patient (1)", "unnamed patient (2)"]
    assert items[0].patient != items[1].patient


def test_each_frame_is_a_photograph_with_a_hash_of_its_own(folder):
    frames = [item for item in listed(folder) if item.frame is not None]
    read = [item.read() for item in frames]
    for photo, pixels in zip(read, EYES, strict=True):
        np.testing.assert_array_equal(photo.pixels, pixels)
    assert len({photo.sha256 for photo in read}) == len({item.key for item in frames}) == 3
    assert [item.content() for item in frames] == [photo.sha256 for photo in read]
    assert frames[1].read(frames[1].content()).sha256 == read[1].sha256


def test_a_header_cannot_claim_any_number_of_frames(tmp_path):
    save_as(tmp_path / "a.dcm", photograph(EYES[0], NumberOfFrames=10**8))
    assert len(listed(tmp_path)) == 200


def test_an_upload_is_shown_by_a_pseudonym(folder, tmp_path):
    content = (folder / f"{PATIENT_NUMBER}_1.dcm").read_bytes()
    (item,) = uploads_of(f"{PATIENT_NUMBER}.dcm", content, tmp_path)
    assert item.name.startswith("dicom-") and item.name.endswith("right")
    assert len(uploads_of("scan.dcm", (folder / "scan.dcm").read_bytes(), tmp_path)) == 3
    (both,) = uploads_of("x", (folder / f"{PATIENT_NUMBER}_2.dcm").read_bytes(), tmp_path)
    assert both.patient == item.patient


def test_a_reading_holds_a_pseudonym(folder):
    item = listed(folder, identified=True)[0]
    verdict = Verdict(Gradability("good", ""), 0.7, 0.5)
    opened = OpenPhotograph(item, item.read(), Scored(item.content(), verdict), None)
    shown = opened.shown(0.5, "0" * 64)
    assert shown.image.name.startswith("dicom-") and shown.image.sha256 == item.content()


def test_the_worklist_scores_every_frame_by_itself(folder, weights, tmp_path):
    served = open_at(tmp_path, weights, paths=(folder,))
    state = Session()
    items = [item for item in state.items(served).values() if item.frame is not None]
    state.score(items, served)
    while state.scoring:
        state.collect()
    assert len({state.scored[item.key].sha256 for item in items}) == 3
    assert len({state.scored[item.key].verdict.score for item in items}) == 3
    assert len(listed_keys(state, served)) == 7
