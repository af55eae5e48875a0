"""Lesions of readings as COCO (https://cocodataset.org/#format-data), for programs that train and evaluate detectors.

The file holds the readings that count (`model.newest`) without the lesions that the reader rejected or did
not review: one annotation per lesion with bounding box, segmentation and area; categories are the lesion types.
Coordinates of COCO are measured from the upper left corner of the picture, where this package measures from the centre
of the first pixel (`retina_xai.fundus.geometry`): x and y are 0.5 larger in the file. The area of a lesion is its
number of pixels.

An outline with holes is written as an uncompressed run-length encoding, because polygons of COCO have no holes; its
area and box are those of the encoded pixels. A disk is written as a polygon. Points beyond the border of the picture
are moved onto it, and a lesion without area inside the picture is left out.
"""

from collections.abc import Sequence
from typing import Any

from retina_xai import __version__
from retina_xai.app.readings.model import MARKS, ImageFile, Reading, newest
from retina_xai.lesions.annotation import ANNOTATION_TYPES, Annotation
from retina_xai.lesions.outlines import mask_of, outline_of, run_lengths
from retina_xai.lesions.shapes import Outline

CATEGORIES = {name: number for number, name in enumerate(ANNOTATION_TYPES, start=1)}
SHIFT = 0.5
"""From the centre of the first pixel to its upper left corner."""


def coco_of(readings: Sequence[Reading], damaged: Sequence[int] = ()) -> dict[str, Any]:
    """The content of the COCO file; beside the standard keys, what a lesion was read from and by whom.

    `damaged` are the numbers of the damaged rows of the store.
    """
    counted = newest(readings)
    images = {reading.image.sha256: reading.image for reading in counted}
    numbers = {sha256: number for number, sha256 in enumerate(images, start=1)}
    annotations = [
        {"image_id": numbers[reading.image.sha256], **_facts(reading, lesion), **geometry}
        for reading in counted
        for lesion in reading.reviewed
        if lesion.status != "deleted" and (geometry := _geometry(lesion.shape.outline, reading.image))
    ]
    return {
        "info": {
            "description": "Lesions of fundus photographs as readers left them; research use only",
            "version": __version__,
            "damaged_rows": list(damaged),
        },
        "licenses": [],
        "images": [_image(numbers[sha256], image) for sha256, image in images.items()],
        "annotations": [{"id": number, **one} for number, one in enumerate(annotations, start=1)],
        "categories": [{"id": number, "name": name, "supercategory": "lesion"} for name, number in CATEGORIES.items()],
    }


def _image(number: int, image: ImageFile) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": image.name,
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256,
    }


def _facts(reading: Reading, lesion: Annotation) -> dict[str, Any]:
    return {
        "category_id": CATEGORIES[lesion.type],
        "iscrowd": 0,
        "attributes": {
            "reading": reading.number,
            "reader": reading.reader,
            "lesion": lesion.id,
            "origin": lesion.origin,
            "status": lesion.status,
            "mark": MARKS.get((lesion.origin, lesion.status), ""),
            "score": lesion.score,
        },
    }


def _geometry(outline: Outline, image: ImageFile) -> dict[str, Any]:
    """Box, segmentation and area; empty where the outline has no area inside the picture."""
    segmentation: dict[str, Any] | list[list[float]]
    outline = outline.within(image.width, image.height)
    if outline.holes:
        mask = mask_of(outline, image.height, image.width)
        if not mask.any():
            return {}
        segmentation = {"size": [image.height, image.width], "counts": run_lengths(mask)}
        outline = outline_of(mask)
    else:
        segmentation = [[value + SHIFT for point in ring for value in point] for ring in outline.rings]
    left, top, right, bottom = outline.box
    box = [left + SHIFT, top + SHIFT, right - left, bottom - top]
    return {"bbox": box, "area": outline.area, "segmentation": segmentation} if outline.area else {}
