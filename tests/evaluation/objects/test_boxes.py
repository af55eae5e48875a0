"""Boxes from files, in the input of a network, and from evidence."""

from pathlib import Path

import numpy as np
import pytest
from helpers.red_squares import BOXES, draw_squares, write_csv_boxes, write_voc_boxes

from retina_xai.errors import InputError
from retina_xai.evaluation.objects.box_of_evidence import box_of_mask, grabcut_box, threshold_box
from retina_xai.evaluation.objects.boxes import Box, boxes_of, fingerprint, mask_of
from retina_xai.io.images import read_image
from retina_xai.models.imagenet import ImagenetPreprocessing


def test_csv_and_voc_files_give_the_same_boxes(tmp_path):
    table, folder = write_csv_boxes(tmp_path / "boxes.csv"), write_voc_boxes(tmp_path / "voc")
    for name, box in zip("abc", BOXES, strict=True):
        photograph = tmp_path / f"{name}.png"
        assert boxes_of(table, photograph) == boxes_of(folder, photograph) == (box,)
    with pytest.raises(InputError, match=r"z.png: no box in .*boxes.csv; give one, or leave the photograph out"):
        boxes_of(table, Path("z.png"))


def test_a_changed_file_is_read_again_and_has_another_fingerprint(tmp_path):
    folder = write_voc_boxes(tmp_path / "voc")
    before = fingerprint(folder)
    assert boxes_of(folder, Path("a.png")) == BOXES[:1]
    (folder / "a.xml").write_text((folder / "b.xml").read_text())
    assert boxes_of(folder, Path("a.png")) == BOXES[1:2]
    assert fingerprint(folder) != before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,xmin\na,1\n", "no column 'ymin'; expected image, xmin"),
        ("image,xmin,ymin,xmax,ymax\na,1,2,x,4\n", r"line 2: box .*: expected four numbers"),
        ("image,xmin,ymin,xmax,ymax\na,1,2,3\n", r"line 2: box .*: expected four numbers"),
        ("image,xmin,ymin,xmax,ymax\na,5,2,3,4\n", "expected 0 <= xmin < xmax"),
        ("image,xmin,ymin,xmax,ymax\na,-1,2,3,4\n", "expected 0 <= xmin < xmax"),
        ("image,xmin,ymin,xmax,ymax\na,nan,2,3,4\n", "expected 0 <= xmin < xmax"),
        (b"\xff\xfe\x00", "not readable as CSV"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path, content, message):
    path = tmp_path / "boxes.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        boxes_of(path, Path("a.png"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation><object>", "not readable as Pascal VOC XML"),
        ('<!DOCTYPE x [<!ENTITY e "f">]><annotation>&e;</annotation>', "not readable as Pascal VOC XML"),
        ("<annotation><object><name>x</name></object></annotation>", "expected four numbers"),
        (
            "<annotation><object><bndbox><xmin>0</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>"
            "</annotation>",
            "expected 1 <= xmin < xmax",
        ),
    ],
)
def test_a_faulty_xml_file_is_refused(tmp_path, content, message):
    (tmp_path / "a.xml").write_text(content)
    with pytest.raises(InputError, match=message):
        boxes_of(tmp_path, Path("a.png"))


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="no boxes; give a CSV file or a folder of Pascal VOC XML files"):
        boxes_of(tmp_path, Path("a.png"))


@pytest.mark.parametrize("shape", [(300, 400), (403, 301), (256, 256), (224, 640)])
def test_a_box_moves_with_its_pixels_into_the_input(shape):
    rules = ImagenetPreprocessing(mean=(0, 0, 0), std=(1, 1, 1))
    box = Box(shape[1] // 2 - 60, shape[0] // 2 - 40, shape[1] // 2 + 50, shape[0] // 2 + 70)
    pixels = np.zeros((*shape, 3), np.uint8)
    pixels[box.top : box.bottom, box.left : box.right] = 255
    seen = box_of_mask((rules.to_tensor(pixels)[0] > 0.5).numpy())
    found = box.in_input(shape, rules)
    assert max(abs(getattr(seen, side) - getattr(found, side)) for side in ("left", "top", "right", "bottom")) <= 1


def test_what_lies_outside_of_the_crop_is_cut_off():
    rules = ImagenetPreprocessing(size=224, resize=256)
    assert Box(0, 0, 256, 256).in_input((256, 256), rules) == Box(0, 0, 224, 224)
    assert Box(0, 0, 10, 256).in_input((256, 256), rules).area == 0


def test_the_mask_of_a_box_has_its_pixels():
    mask = mask_of([Box(1, 2, 3, 5), Box(0, 0, 1, 1)], 6)
    assert int(mask.sum()) == 7
    assert bool(mask[2:5, 1:3].all())
    assert bool(mask[0, 0])


def test_overlaps_of_known_boxes():
    assert Box(0, 0, 4, 4).iou(Box(0, 0, 4, 4)) == 1
    assert Box(0, 0, 4, 4).iou(Box(4, 0, 8, 4)) == 0
    assert Box(0, 0, 4, 4).iou(Box(2, 2, 6, 6)) == pytest.approx(4 / 28)
    assert Box(0, 0, 0, 0).iou(Box(0, 0, 0, 0)) == 0


def test_grabcut_grows_sparse_evidence_to_the_object(tmp_path):
    (file,) = draw_squares(tmp_path, BOXES[:1])
    pixels, box = read_image(file).pixels, BOXES[0]
    rng = np.random.default_rng(1)
    evidence = 0.1 * rng.random((96, 80))
    inner = np.s_[36:66, 26:56]
    evidence[inner] += (rng.random((30, 30)) < 0.5) * rng.random((30, 30))
    found = grabcut_box(evidence, pixels)
    assert found.iou(box) > 0.9
    assert threshold_box(evidence, pixels).iou(box) < 0.9
    assert grabcut_box(evidence, pixels) == found


def test_few_pixels_of_evidence_are_all_foreground_and_none_has_no_box(tmp_path):
    (file,) = draw_squares(tmp_path, BOXES[:1])
    pixels, evidence = read_image(file).pixels, np.zeros((96, 80))
    assert grabcut_box(evidence, pixels) is None
    assert threshold_box(evidence, pixels) is None
    evidence[40:44, 30:34] = 0.5
    assert grabcut_box(evidence, pixels) is not None
    assert threshold_box(evidence, pixels) == Box(30, 40, 34, 44)


def test_the_box_is_that_of_the_largest_component():
    mask = np.zeros((20, 20), bool)
    mask[2:5, 2:5] = mask[10:18, 9:12] = True
    assert box_of_mask(mask) == Box(9, 10, 12, 18)
    assert box_of_mask(np.zeros((4, 4), bool)) is None
