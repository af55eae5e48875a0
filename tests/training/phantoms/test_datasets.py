"""The written data sets: official names and lists, valid files, seeds."""

import csv
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from retina_xai.errors import UsageError
from retina_xai.io.files import sha256_of
from retina_xai.lesions.annotation import LESION_TYPES
from retina_xai.training.phantoms.datasets import (
    TYPE_CYCLE,
    PhantomSet,
    diaretdb1_phantom,
    diaretdb1_train_numbers,
    write_diaretdb1,
    write_eyepacs,
)
from retina_xai.training.phantoms.phantom import DEMO, GRADE_SHARES

SMALL = PhantomSet(height=128, width=160, settings=DEMO)


@pytest.fixture(scope="module")
def eyepacs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    design = replace(SMALL, grade_shares=(0.3, 0.1, 0.2, 0.2, 0.2))
    return write_eyepacs(tmp_path_factory.mktemp("eyepacs"), 40, 3, design)


@pytest.fixture(scope="module")
def diaretdb1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_diaretdb1(tmp_path_factory.mktemp("diaretdb1"), 20, 5, replace(SMALL, height=300, width=390))


def labels(folder: Path) -> dict[str, int]:
    with (folder / "trainLabels.csv").open(newline="") as file:
        return {row["image"]: int(row["level"]) for row in csv.DictReader(file)}


class TestEyePacs:
    def test_layout(self, eyepacs: Path) -> None:
        assert (eyepacs / "trainLabels.csv").read_bytes().startswith(b"image,level\n")
        rows = labels(eyepacs)
        assert len(rows) == 80
        assert all(re.fullmatch(r"[1-9]\d+_(left|right)", name) for name in rows)
        files = {path.name for path in (eyepacs / "train").iterdir()}
        assert files == {f"{name}.jpeg" for name in rows}
        numbers = [int(name.split("_")[0]) for name in rows]
        assert numbers == sorted(numbers) and len(set(numbers)) == 40

    def test_photographs_are_jpeg_of_the_size_asked_for(self, eyepacs: Path) -> None:
        for path in (eyepacs / "train").iterdir():
            with Image.open(path) as image:
                assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (160, 128))

    def test_eyes_of_a_patient_have_similar_grades(self, eyepacs: Path) -> None:
        rows = labels(eyepacs)
        pairs = [(grade, rows[name.replace("left", "right")]) for name, grade in rows.items() if name.endswith("left")]
        assert all(abs(left - right) <= 1 for left, right in pairs)
        assert np.mean([left == right for left, right in pairs]) > 0.7
        assert len({left for left, _ in pairs}) == 5

    def test_same_seed_same_files(self, tmp_path: Path) -> None:
        folders = [write_eyepacs(tmp_path / name, 2, seed, SMALL) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
        hashes = [[sha256_of(path) for path in sorted(folder.rglob("*.*"))] for folder in folders]
        assert hashes[0] == hashes[1] != hashes[2]

    def test_invalid_arguments_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="0 patients: expected at least 1"):
            write_eyepacs(tmp_path, 0, 0)
        with pytest.raises(UsageError, match="expected five numbers that add up to 1"):
            write_eyepacs(tmp_path, 1, 0, replace(SMALL, grade_shares=(*GRADE_SHARES[:4], 0.5)))


class TestDiaretDb1:
    def test_layout(self, diaretdb1: Path) -> None:
        assert diaretdb1.name == "ddb1_v02_01"
        images = sorted(path.name for path in (diaretdb1 / "images").iterdir())
        assert images == [f"diaretdb1_image{number:03}.png" for number in range(1, 21)]
        sheets = {path.name for path in (diaretdb1 / "groundtruth").iterdir()}
        assert sheets == {
            f"{image[:-4]}_{annotator:02}{ending}.xml"
            for image in images
            for annotator in (1, 2, 3, 4)
            for ending in ("", "_plain")
        }

    def test_split_lists_are_disjoint_complete_and_point_to_files(self, diaretdb1: Path) -> None:
        for ending in ("", "_plain"):
            seen: list[str] = []
            for split in ("train", "test"):
                text = (diaretdb1 / f"ddb1_v02_01_{split}{ending}.txt").read_text()
                for line in text.splitlines():
                    names = line.split(" ")
                    assert len(names) == 5 and all((diaretdb1 / name).is_file() for name in names)
                    assert all(name.endswith(f"_0{k}{ending}.xml") for k, name in enumerate(names[1:], 1))
                    seen.append(names[0])
            assert len(seen) == len(set(seen)) == 20

    def test_full_and_plain_differ_by_their_document_type_only(self, diaretdb1: Path) -> None:
        for full in (diaretdb1 / "groundtruth").glob("*_0?.xml"):
            lines = full.read_text().splitlines()
            plain = full.with_name(f"{full.stem}_plain.xml").read_text().splitlines()
            assert lines[1].startswith("<!DOCTYPE imgannotool SYSTEM ")
            assert plain[1] == "<!DOCTYPE imgannotool>"
            assert lines[0] == '<?xml version="1.0" standalone="no"?>'
            assert lines[2:] == plain[2:]

    def test_tags_are_those_of_the_real_files(self, diaretdb1: Path, real_data: Path) -> None:
        real = real_data / "diaretdb1" / "ddb1_v02_01" / "groundtruth"
        known = {tags for path in real.glob("*_plain.xml") for tags in parent_and_child(path)}
        ours = {tags for path in (diaretdb1 / "groundtruth").glob("*_plain.xml") for tags in parent_and_child(path)}
        assert ours and ours <= known
        assert {region for _, region in ours if region.endswith("region")} == {
            "circleregion",
            "ellipseregion",
            "polygonregion",
        }

    def test_split_has_the_official_proportion(self) -> None:
        assert len(diaretdb1_train_numbers(89)) == 28
        for count in range(2, 100):
            numbers = diaretdb1_train_numbers(count)
            assert len(numbers) == len(set(numbers)) == max(1, round(count * 28 / 89))
            assert min(numbers) >= 1 and max(numbers) <= count and len(numbers) < count

    def test_each_type_is_in_both_splits_of_a_small_set(self) -> None:
        train = diaretdb1_train_numbers(40)
        for kind in LESION_TYPES:
            having = {number for number in range(1, 41) if kind in TYPE_CYCLE[(number - 1) % len(TYPE_CYCLE)]}
            assert len(having) == 20
            assert len(having & set(train)) >= 3 and len(having - set(train)) >= 10

    def test_phantom_of_a_number_has_its_types(self) -> None:
        for number, types in enumerate(TYPE_CYCLE, 1):
            phantom = diaretdb1_phantom(number, 100 + number, SMALL)
            assert {kind for kind, mask in phantom.masks.items() if mask.any()} == set(types)
            assert phantom.referable == bool(types)

    def test_an_invalid_count_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="1 images: expected 2 to 999"):
            write_diaretdb1(tmp_path, 1, 0)


def parent_and_child(path: Path) -> list[tuple[str, str]]:
    root = ElementTree.parse(path).getroot()
    return [(parent.tag, child.tag) for parent in root.iter() for child in parent]
