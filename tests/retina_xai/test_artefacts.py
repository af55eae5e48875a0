"""The guard over a folder of records: eyes by name, copies, large candidates, damaged records."""

import json

import numpy as np
import pytest

from retina_xai import artefacts
from retina_xai.artefacts import eye_of, find_artefacts
from retina_xai.errors import UsageError
from retina_xai.io.images import write_png
from retina_xai.lesions.candidates import label_regions
from retina_xai.lesions.same_place import SamePlaceSettings
from retina_xai.lesions.shapes import Disk
from retina_xai.records import read_evidence

HEIGHT, WIDTH = 160, 200


@pytest.mark.parametrize(
    ("name", "eye"),
    [
        ("10_left", "10_left"),
        ("10_right", "10_right"),
        ("0012_OI_f_1", "0012_oi"),
        ("0012_OI_f_2", "0012_oi"),
        ("P7-R.2", "p7-r"),
        ("diaretdb1_image004", "diaretdb1_image004"),
        ("left_3", "left_3"),
        ("12_lesions", "12_lesions"),
    ],
)
def test_the_eye_in_a_name(name, eye):
    assert eye_of()(name) == eye


def test_a_pattern_names_the_eye():
    eye = eye_of(r"visit\d_(.+)")
    assert eye("visit1_x") == eye("visit2_x") == "x"
    assert eye("other") == "other"
    with pytest.raises(UsageError, match=r"eye pattern 'a\+' has no group"):
        eye_of("a+")
    with pytest.raises(UsageError, match=r"eye pattern '\(': .*give a regular expression"):
        eye_of("(")


def write(folder, name, squares, sha256=None, weak=None):
    """A record whose candidates are squares (x, y, half side) of evidence 1, on a `weak` one of evidence 0.6."""
    evidence = np.zeros((HEIGHT, WIDTH))
    for value, parts in ((0.6, [weak] if weak else []), (1, squares)):
        for x, y, half in parts:
            evidence[y - half : y + half + 1, x - half : x + half + 1] = value
    regions = label_regions(evidence > 0)
    lesions = [
        {"x": x, "y": y, "area": int(area), "box": box.tolist()}
        for (x, y), area, box in zip(regions.centroids.tolist(), regions.areas, regions.boxes, strict=True)
    ]
    record = {
        "schema_version": 1,
        "file": {"name": f"{name}.png", "sha256": sha256 or name, "width": WIDTH, "height": HEIGHT, "orientation": 1},
        "geometry": {"side": 150.0, "size": 50},
        "binarisation": {"fraction_of_maximum": 0.5, "floor": 0.01},
        "prediction": {},
        "lesions": lesions,
    }
    (folder / f"{name}.json").write_text(json.dumps(record))
    write_png(folder / f"{name}_evidence.png", (evidence * 65535).astype(np.uint16))


def test_places_are_found_and_every_candidate_that_covers_them_is_flagged(tmp_path):
    for index in range(4):
        write(tmp_path, f"eye{index}", [(20 + 30 * index, 30, 3), (90, 100, 4)])
    write(tmp_path, "large", [(100, 105, 12)])  # reaches over the place, centred elsewhere
    write(tmp_path, "elsewhere", [(30, 60, 5)])
    found = find_artefacts(tmp_path)
    (place,) = found.places
    assert (place.x, place.y, place.eyes, place.of) == (90, 100, 4, 6)
    flagged = {one.record.stem: [flag.lesion for flag in one.flags] for one in found.photographs}
    assert flagged == {"eye0": [2], "eye1": [2], "eye2": [2], "eye3": [2], "large": [1]}
    assert found.photographs[0].disks == (Disk(90, 100, place.radius),)
    assert place.radius == pytest.approx(9 / np.pi**0.5)


def test_a_speck_inside_of_a_large_candidate_is_a_place(tmp_path):
    for index in range(3):
        write(tmp_path, f"eye{index}", [(90, 100, 4)], weak=(90 + 20 * index, 100, 28))
    (place,) = find_artefacts(tmp_path).places
    assert (place.x, place.y, place.eyes) == (90, 100, 3)


def test_a_photograph_without_candidates_is_an_eye_and_needs_no_evidence(tmp_path, caplog):
    for index in range(3):
        write(tmp_path, f"eye{index}", [(90, 100, 4)])
    write(tmp_path, "healthy", [])
    (tmp_path / "healthy_evidence.png").unlink()
    (place,) = find_artefacts(tmp_path).places
    assert (place.eyes, place.of) == (3, 4)
    assert not caplog.text


def test_a_large_region_is_no_speck(tmp_path):
    for index in range(3):
        write(tmp_path, f"eye{index}", [(90, 100, 25)])
    assert find_artefacts(tmp_path).places == ()


def test_evidence_is_read_of_the_compared_eyes_only(tmp_path, monkeypatch):
    for index in range(6):
        write(tmp_path, f"eye{index}", [(30 + 20 * index, 30, 3)])
    read = []
    monkeypatch.setattr(artefacts, "read_evidence", lambda path: read.append(path.name) or read_evidence(path))
    find_artefacts(tmp_path, settings=SamePlaceSettings(max_eyes=4))
    assert len(read) == 4


def test_a_box_around_the_place_is_not_enough(tmp_path):
    for index in range(3):
        write(tmp_path, f"eye{index}", [(90, 100, 4)])
    write(tmp_path, "ring", [(90, 80, 3), (90, 84, 3), (84, 80, 9)])
    record = json.loads((tmp_path / "ring.json").read_text())
    record["lesions"][0]["box"] = [60, 60, 120, 120]
    (tmp_path / "ring.json").write_text(json.dumps(record))
    assert [one.record.stem for one in find_artefacts(tmp_path).photographs] == ["eye0", "eye1", "eye2"]


def test_copies_and_photographs_of_one_eye_count_once(tmp_path):
    for name in ("1_left", "1_left_b", "2_left"):
        write(tmp_path, name, [(90, 100, 4)])
    write(tmp_path, "copy", [(90, 100, 4)], sha256="2_left")
    assert find_artefacts(tmp_path).places == ()
    (place,) = find_artefacts(tmp_path, eye_of("(.+)")).places
    assert (place.eyes, place.of) == (3, 3)


def test_other_files_and_damaged_records_are_left_out(tmp_path, caplog):
    for index in range(5):
        write(tmp_path, f"eye{index}", [(90, 100, 4)])
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "broken.json").write_text("{")
    write(tmp_path, "infinite", [(90, 100, 4)])
    record = json.loads((tmp_path / "infinite.json").read_text())
    record["geometry"]["side"] = float("inf")
    (tmp_path / "infinite.json").write_text(json.dumps(record))
    (tmp_path / "eye1_evidence.png").write_bytes(b"no picture")
    write_png(tmp_path / "eye2_evidence.png", np.zeros((8, 8), np.uint16))
    found = find_artefacts(tmp_path)
    assert found.places[0].of == 3
    assert [one.record.stem for one in found.photographs] == ["eye0", "eye3", "eye4", "infinite"]
    for name in ("broken", "infinite", "eye1", "eye2"):
        assert f"{name}.json' is left out of the search for artefacts" in caplog.text
