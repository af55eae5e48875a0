import shutil

import numpy as np
import pytest
from PIL import Image
from skimage import draw, measure

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.datasets.counts import count_lesions
from retina_xai.evaluation.datasets.diaretdb1 import CONSENSUS, graded, open_diaretdb1, votes
from retina_xai.evaluation.datasets.diaretdb1_markings import CircleRegion, EllipseRegion, read_markings

SHAPE = (90, 120)


def circle_pixels(radius):
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return int((x**2 + y**2 <= radius**2).sum())


def test_votes_count_heads_and_graded_weighs_confidence():
    confidences = np.array([[1, 3, 3, 3], [1, 3, 3, 2], [1, 3, 0, 2], [0, 0, 0, 2]], dtype=np.uint8)[:, None, :]
    assert votes(confidences)[0].tolist() == [True, True, False, True]
    assert CONSENSUS["two"](confidences[1:])[0].tolist() == [True, True, False, True]
    # Sums 3, 9, 6, 9: the limit 0.75 * 252 = 189 = 21 * 9 is inclusive.
    assert graded(confidences)[0].tolist() == [False, True, False, True]


def test_consensus_masks_of_the_three_rules(diaretdb1):
    case = open_diaretdb1(diaretdb1, "train").cases[0]
    by_votes = case.truth("votes", SHAPE).masks
    assert by_votes["haemorrhages"].sum() == circle_pixels(6)  # three annotators at (30, 40); two at (80, 40)
    assert by_votes["haemorrhages"][40, 30]
    assert by_votes["soft_exudates"].sum() == circle_pixels(4)
    assert not by_votes["hard_exudates"].any()  # the disc is no lesion
    by_grade = case.truth("graded", SHAPE).masks
    assert not by_grade["haemorrhages"].any()  # 3 + 1 + 2 and 3 + 3 are below 9
    assert by_grade["soft_exudates"].sum() == circle_pixels(4)
    by_two = case.truth("two", SHAPE).masks
    assert by_two["haemorrhages"][40, 30] and by_two["haemorrhages"][40, 80] and not by_votes["haemorrhages"][40, 80]


def test_what_too_few_annotators_marked_is_disputed(diaretdb1):
    case = open_diaretdb1(diaretdb1, "train").cases[0]
    by_votes, by_two = case.truth("votes", SHAPE), case.truth("two", SHAPE)
    assert by_votes.disputed[40, 80] and not by_two.disputed[40, 80]  # two annotators
    for truth in (by_votes, by_two):
        union = np.logical_or.reduce(list(truth.masks.values()))
        assert not (truth.disputed & union).any()
        np.testing.assert_array_equal(truth.disputed | union, case.marked(SHAPE))


def test_counts_per_lesion_type(diaretdb1):
    done = []
    table = count_lesions(open_diaretdb1(diaretdb1), "votes", lambda n, of: done.append((n, of)))
    assert table.loc["haemorrhages"].tolist() == [1, 1, circle_pixels(6)]
    assert table.loc["red_small_dots"].tolist() == [0, 0, 0]
    assert table.loc["any"].tolist() == [1, 2, circle_pixels(6) + circle_pixels(4)]
    assert done == [(1, 2), (2, 2)]


def test_the_folder_or_its_parent_and_the_three_splits(diaretdb1):
    names = {split: [case.name for case in open_diaretdb1(diaretdb1, split)] for split in ("train", "test", "all")}
    assert names["train"] == ["diaretdb1_image001"]
    assert names["test"] == ["diaretdb1_image002"]
    assert names["all"] == ["diaretdb1_image001", "diaretdb1_image002"]
    assert open_diaretdb1(diaretdb1.parent).cases == open_diaretdb1(diaretdb1).cases


def test_plain_files_are_preferred_and_full_ones_serve_alone(diaretdb1):
    stem = "diaretdb1_image001_01"
    assert open_diaretdb1(diaretdb1, "train").cases[0].annotations[0].name == f"{stem}_plain.xml"
    (diaretdb1 / "ddb1_v02_01_train_plain.txt").unlink()
    assert open_diaretdb1(diaretdb1, "train").cases[0].annotations[0].name == f"{stem}_plain.xml"
    for path in (diaretdb1 / "groundtruth").glob("*_plain.xml"):
        path.unlink()
    case = open_diaretdb1(diaretdb1, "train").cases[0]
    assert case.annotations[0].name == f"{stem}.xml"
    assert case.truth("votes", SHAPE).masks["haemorrhages"].sum() == circle_pixels(6)


def test_all_is_the_union_of_the_lists_that_exist(diaretdb1):
    for path in diaretdb1.glob("*_test*.txt"):
        path.unlink()
    assert len(open_diaretdb1(diaretdb1, "all")) == 1
    with pytest.raises(InputError, match=r"no list ddb1_v02_01_test\.txt for the split 'test'"):
        open_diaretdb1(diaretdb1, "test")


def test_absent_images_are_counted_and_the_first_is_named(diaretdb1):
    shutil.rmtree(diaretdb1 / "images")
    with pytest.raises(InputError) as error:
        open_diaretdb1(diaretdb1, "all")
    first = diaretdb1 / "images" / "diaretdb1_image001.png"
    expected = f"{first}: missing, with 2 of 2 images of the split 'all'; complete it or use another split"
    assert str(error.value) == expected


def test_an_absent_annotation_is_named(diaretdb1):
    for name in ("diaretdb1_image001_03.xml", "diaretdb1_image001_03_plain.xml"):
        (diaretdb1 / "groundtruth" / name).unlink()
    with pytest.raises(InputError, match=r"image001_03_plain\.xml: missing, with 1 of 4 annotation files"):
        open_diaretdb1(diaretdb1, "train")


def test_three_annotators_are_too_few(diaretdb1):
    for path in diaretdb1.glob("*_train*.txt"):
        path.write_text(path.read_text().rsplit(" ", 1)[0])
    with pytest.raises(InputError, match="has annotators 01, 02, 03, expected 01, 02, 03, 04"):
        open_diaretdb1(diaretdb1, "train")


def test_a_list_that_is_no_text_is_one_line(diaretdb1):
    path = diaretdb1 / "ddb1_v02_01_train.txt"
    path.write_bytes(b"\xcc\x00\xff")
    with pytest.raises(InputError, match=f"{path.name}: not readable as a list of images; restore"):
        open_diaretdb1(diaretdb1, "train")


def test_a_list_cannot_lead_out_of_the_data_set(diaretdb1):
    (diaretdb1 / "ddb1_v02_01_train_plain.txt").write_text("../../secret.png a_01.xml\n")
    with pytest.raises(InputError, match=r"path '\.\./\.\./secret\.png' leaves the data set"):
        open_diaretdb1(diaretdb1, "train")


def test_ground_truth_of_another_size_is_refused(diaretdb1):
    case = open_diaretdb1(diaretdb1, "train").cases[0]
    with pytest.raises(InputError) as error:
        case.truth("votes", (60, 120))
    assert str(error.value) == (
        f"{case.annotations[0]}: markings for 120x90, its image diaretdb1_image001.png has 120x60; "
        "give the image at the size that was annotated"
    )


def test_markings_without_a_stated_size_are_for_the_official_one(diaretdb1, xml):
    case = open_diaretdb1(diaretdb1, "train").cases[0]
    case.annotations[1].write_text(xml["file"](xml["circle"](5, 6, 7), size=None))
    with pytest.raises(InputError, match=r"image001_02_plain\.xml: markings for 1500x1152, its image .* has 120x90"):
        case.truth("votes", SHAPE)
    for path in case.annotations:
        path.write_text(xml["file"](xml["circle"](1400, 1100, 2), size=None))
    assert case.truth("votes", (1152, 1500)).masks["haemorrhages"][1100, 1400]


def test_a_marking_outside_of_the_image_is_refused(diaretdb1, xml):
    case = open_diaretdb1(diaretdb1, "train").cases[0]
    case.annotations[1].write_text(xml["file"](xml["circle"](60, 90, 7)))
    with pytest.raises(InputError) as error:
        case.truth("votes", SHAPE)
    assert str(error.value) == (
        f"{case.annotations[1]}: a marking at 60,90 lies outside of its image diaretdb1_image001.png (120x90); "
        "restore the original file"
    )


def test_wrong_choices_and_folders(diaretdb1, tmp_path):
    with pytest.raises(UsageError, match="split 'validation': expected one of train, test, all"):
        open_diaretdb1(diaretdb1, "validation")
    with pytest.raises(UsageError, match="consensus 'any': expected one of votes, graded"):
        count_lesions(open_diaretdb1(diaretdb1), "any")
    with pytest.raises(InputError, match="no such folder"):
        open_diaretdb1(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no DiaretDB1 here"):
        open_diaretdb1(tmp_path / "empty")


def test_the_fingerprint_follows_the_annotations(diaretdb1):
    case = open_diaretdb1(diaretdb1, "train").cases[0]
    before = case.fingerprint()
    assert before == case.fingerprint()
    path = case.annotations[2]
    path.write_text(path.read_text().replace("Medium", "Low"))
    assert case.fingerprint() != before


@pytest.fixture
def version_1(tmp_path):
    folder = tmp_path / "v1" / "resources" / "images"
    grey = np.zeros(SHAPE, dtype=np.uint8)
    grey[10:20, 10:20], grey[40:50, 40:50] = 189, 168
    for name in ("image001", "image002"):
        for kind in ("hardexudates", "softexudates", "hemorrhages", "redsmalldots"):
            path = folder / "ddb1_groundtruth" / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(grey if kind == "hemorrhages" and name == "image001" else 0 * grey).save(path)
        (folder / "ddb1_fundusimages").mkdir(exist_ok=True)
        Image.fromarray(np.full((*SHAPE, 3), 90, np.uint8)).save(folder / "ddb1_fundusimages" / f"{name}.png")
    return tmp_path / "v1"


def test_version_1_is_read_with_the_graded_rule(version_1):
    dataset = open_diaretdb1(version_1)
    assert (dataset.version, len(dataset)) == ("1", 2)
    table = count_lesions(dataset, "graded")
    assert table.loc["haemorrhages"].tolist() == [1, 1, 100]
    assert table.loc["any"].tolist() == [1, 1, 100]
    assert dataset.consensus() == "graded"
    assert dataset.cases[0].truth("graded", SHAPE).disputed.sum() == 100  # a grey value below the limit
    with pytest.raises(UsageError, match="consensus 'votes': expected one of graded for DiaretDB1 v1; choose one"):
        count_lesions(dataset, "votes")


def test_version_1_lists_and_sizes(version_1):
    with pytest.raises(InputError, match=r"version 1 without testset\.txt; use the split 'all' or add the list"):
        open_diaretdb1(version_1, "test")
    lists = version_1 / "resources" / "testdatasets"
    lists.mkdir()
    (lists / "testset.txt").write_text("./images/ddb1_fundusimages/image002.png x/hardexudates/image002.png\r\n")
    assert [case.name for case in open_diaretdb1(version_1, "test")] == ["image002"]
    with pytest.raises(InputError, match=r"mask of 120x90, its image image002\.png has 120x80; give both at one size"):
        open_diaretdb1(version_1, "test").cases[0].truth("graded", (80, 120))
    next(version_1.rglob("redsmalldots/image002.png")).unlink()
    with pytest.raises(InputError, match=r"image002\.png: missing, with 1 of 4 ground truth masks"):
        open_diaretdb1(version_1, "test")


def independent(region, shape):
    """The same region by scikit-image, which leaves out some of the outline."""
    mask = np.zeros(shape, dtype=bool)
    if isinstance(region, CircleRegion):
        rows, columns = draw.disk(region.centre[::-1], region.radius + 1e-6, shape=shape)
    elif isinstance(region, EllipseRegion):
        (x, y), (rx, ry) = region.centre, region.radii
        # rotation: anti-clockwise from the horizontal, radii in the order rows, columns
        turn = np.radians(region.angle)
        rows, columns = draw.ellipse(y, x, ry, rx, shape=shape, rotation=turn)
    else:
        x, y = np.array(region.vertices).T
        rows, columns = draw.polygon(y, x, shape)
    mask[rows, columns] = True
    return mask


def test_real_markings_agree_with_another_rasteriser(real_data):
    folder = real_data / "diaretdb1"
    if not folder.is_dir():
        pytest.skip(f"no DiaretDB1 at {folder}")
    case = open_diaretdb1(folder, "train").cases[1]
    shape = case.photograph().pixels.shape[:2]
    truth = case.truth("votes", shape).masks
    for lesion_type, mask in truth.items():
        seen = np.zeros((4, *shape), dtype=bool)
        for annotator, path in enumerate(case.annotations):
            for marking in read_markings(path).markings:
                if marking.lesion_type == lesion_type:
                    seen[annotator] |= independent(marking.region, shape)
        other = seen.sum(axis=0) >= 3
        if mask.any():
            assert (mask & other).sum() / (mask | other).sum() > 0.93
            assert abs(measure.label(mask, connectivity=2).max() - measure.label(other, connectivity=2).max()) <= 1
        else:
            assert not other.any()


@pytest.mark.slow
def test_counts_of_the_real_training_list(real_data):
    folder = real_data / "diaretdb1"
    if not folder.is_dir():
        pytest.skip(f"no DiaretDB1 at {folder}")
    dataset = open_diaretdb1(folder, "train")
    by_votes, by_grade = count_lesions(dataset, "votes"), count_lesions(dataset, "graded")
    assert by_votes["images"].tolist() == [23, 19, 12, 21, 25]
    assert by_grade["images"].tolist() == [22, 18, 6, 19, 23]
    assert by_votes["regions"].tolist() == pytest.approx([272, 83, 24, 113, 442], abs=2)
    assert (by_grade["pixels"] < by_votes["pixels"]).all()
