"""COCO: area and box of any mask are exact; coordinates count from the corner of the picture."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.readings import IMAGE, LESIONS, READING, reading_of
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import binary_fill_holes

from retina_xai.app.readings.coco import coco_of
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.outlines import outline_of
from retina_xai.lesions.shapes import Disk, Outline

READINGS = (
    replace(READING, number=1),
    replace(READING, number=2, decision="agree", lesions=LESIONS[:2]),
    replace(READING, number=3, reader="Bob", lesions=()),
    reading_of("b.png", number=4, lesions=LESIONS[2:], comment=""),
)
MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)).filter(np.any)


def drawn(shape, image=IMAGE, **changes):
    """COCO annotations of one reading with one drawn lesion."""
    lesion = replace(Annotation("d", "soft_exudates", shape, "reader", "added"), **changes)
    return coco_of([replace(READING, image=image, lesions=(lesion,))])["annotations"]


def annotation_of(mask):
    """COCO annotation of a mask that is the whole picture."""
    height, width = mask.shape
    (one,) = drawn(outline_of(mask), replace(IMAGE, width=width, height=height))
    return one


def decoded(segmentation):
    """The mask of an uncompressed run-length encoding, by the definition of COCO."""
    height, width = segmentation["size"]
    counts = segmentation["counts"]
    values = np.repeat(np.arange(len(counts)) % 2, counts)
    return values.reshape(width, height).T.astype(bool)


def shoelace(corners):
    """Twice the signed area of a flat list x, y, x, y ..."""
    x, y = np.array(corners[::2]), np.array(corners[1::2])
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


@given(MASKS)
def test_area_and_box_are_those_of_the_pixels(mask):
    one = annotation_of(mask)
    rows, columns = np.nonzero(mask)
    assert one["area"] == mask.sum()
    assert one["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


@given(MASKS)
def test_a_mask_without_holes_is_polygons_of_its_area(mask):
    filled = np.asarray(binary_fill_holes(mask))
    polygons = annotation_of(filled)["segmentation"]
    assert sum(abs(shoelace(corners)) for corners in polygons) / 2 == filled.sum()


@given(MASKS)
def test_a_mask_with_holes_is_run_lengths_that_give_it_back(mask):
    segmentation = annotation_of(mask)["segmentation"]
    if np.array_equal(binary_fill_holes(mask), mask):
        assert isinstance(segmentation, list)
    else:
        assert np.array_equal(decoded(segmentation), mask)
        assert all(count > 0 for count in segmentation["counts"][1:])


def test_a_lesion_of_3_by_3_pixels_has_area_9_and_the_corners_of_its_pixels():
    mask = np.zeros((10, 20), bool)
    mask[2:5, 7:10] = True
    one = annotation_of(mask)
    assert (one["area"], one["bbox"]) == (9, [7, 2, 3, 3])
    (corners,) = one["segmentation"]
    assert sorted(zip(corners[::2], corners[1::2], strict=True)) == [(7, 2), (7, 5), (10, 2), (10, 5)]


def test_coco_is_sound():
    coco = json.loads(json.dumps(coco_of(READINGS)))
    images = {image["id"]: image for image in coco["images"]}
    categories = {category["id"]: category["name"] for category in coco["categories"]}
    assert [image["file_name"] for image in images.values()] == ["10_left.jpeg", "b.png"]
    assert list(categories.values()) == [
        *("haemorrhages", "hard_exudates", "soft_exudates", "red_small_dots", "unspecified")
    ]
    assert [one["id"] for one in coco["annotations"]] == [1, 2]
    for one in coco["annotations"]:
        image, (x, y, width, height) = images[one["image_id"]], one["bbox"]
        (corners,) = one["segmentation"]
        assert min(x, y) >= 0 and min(width, height) > 0
        assert x + width <= image["width"] and y + height <= image["height"]
        assert len(corners) >= 6 and len(corners) % 2 == 0
        assert [min(corners[::2]), min(corners[1::2])] == [x, y]
        assert [max(corners[::2]), max(corners[1::2])] == pytest.approx([x + width, y + height])
        assert 0 < one["area"] <= width * height
        assert one["iscrowd"] == 0 and one["category_id"] in categories


def test_coco_holds_what_counts_and_not_what_was_deleted():
    annotations = coco_of(READINGS)["annotations"]
    assert [(one["attributes"]["reading"], one["attributes"]["lesion"]) for one in annotations] == [
        (2, "c1"),
        (4, "d1"),
    ]
    circle, triangle = annotations
    assert circle["area"] == pytest.approx(math.pi * 12**2, rel=2e-3)
    assert circle["bbox"] == pytest.approx([89, 68.75, 24, 24])
    assert (triangle["area"], triangle["bbox"]) == (400, [10.5, 20.5, 20, 40])
    assert triangle["segmentation"] == [[10.5, 20.5, 30.5, 20.5, 30.5, 60.5]]
    assert triangle["attributes"] == {
        **{"reading": 4, "reader": "Ada", "lesion": "d1", "origin": "reader", "status": "added", "score": None},
        "mark": "drawn by the reader",
    }


def test_outlines_end_at_the_border():
    (half,) = drawn(Disk(-0.5, 100, 10))
    assert half["area"] == pytest.approx(math.pi * 10**2 / 2, rel=2e-3)
    assert half["bbox"] == pytest.approx([0, 90.5, 10, 20])
    (right,) = drawn(Disk(IMAGE.width - 0.5, 100, 10))
    assert right["bbox"] == pytest.approx([IMAGE.width - 10, 90.5, 10, 20])
    assert drawn(Disk(-50, 100, 10)) == []
    assert drawn(Outline((((1, 1), (5, 5), (9, 9)),))) == []
    assert drawn(Disk(50, 50, 10), status="deleted") == []


def test_a_ring_that_was_moved_by_a_part_of_a_pixel_has_the_area_of_its_pixels():
    outer = ((0.2, 0.2), (8.2, 0.2), (8.2, 8.2), (0.2, 8.2))
    hole = ((2.2, 2.2), (2.2, 4.2), (4.2, 4.2), (4.2, 2.2))
    (one,) = drawn(Outline((outer, hole)))
    assert (one["area"], one["bbox"]) == (60, [1, 1, 8, 8])
    assert decoded(one["segmentation"]).sum() == 60
