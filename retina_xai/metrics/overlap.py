"""Overlap of predicted blobs with annotated lesions, counted per image, lesion and pixel.

FGVis table 3 reports one sensitivity per lesion type and does not state its level. All three are counted here:

    image    of the images with the lesion type, those with at least one of its pixels predicted
    lesion   of the 8-connected annotated regions, those hit: at least one pixel predicted;
             strict: at least half of its pixels predicted, or touched by a predicted blob whose centroid is no
             farther from the region's centroid than sqrt(area / pi), the radius of a disc of the region's area
    pixel    of the annotated pixels, those predicted (sensitivity); of the predicted pixels, those annotated with
             the type (precision)

A predicted blob that touches no lesion of *any* type is a false positive. So evidence on a haemorrhage is not an error
in the row "hard exudates". A prediction is a list of blobs, not a mask, so that the same code counts the random
predictions of `chance`. Blobs are the 8-connected regions of a binary mask within the field of view.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from retina_xai.lesions.candidates import Regions, label_regions

ANY = "any"


@dataclass(frozen=True)
class Blobs:
    """A prediction in an image of `shape` (H, W): flat indices `pixels` (P,) and the blob of each, `owner` (P,).

    Blobs are numbered 0..count-1. The pixels of a blob are contiguous, in the order of the numbers.
    """

    shape: tuple[int, int]
    pixels: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    count: int

    def centroids(self) -> npt.NDArray[np.float64]:
        """(count, 2) centroids as x, y."""
        areas = np.maximum(np.bincount(self.owner, minlength=self.count), 1)
        rows, columns = np.divmod(self.pixels, self.shape[1])
        x = np.bincount(self.owner, weights=columns, minlength=self.count) / areas
        y = np.bincount(self.owner, weights=rows, minlength=self.count) / areas
        return np.stack([x, y], axis=1)


@dataclass(frozen=True)
class Counts:
    """Counts of one lesion type over images, from which all ratios of the tables are computed.

    `images` contain the type, `images_without` do not; `predicted_pixels` are counted over all images.
    """

    images: int = 0
    images_without: int = 0
    images_found: int = 0
    lesions: int = 0
    lesions_hit: int = 0
    lesions_hit_strict: int = 0
    pixels: int = 0
    pixels_found: int = 0
    predicted_pixels: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def image_sensitivity(self) -> float:
        """Share of the images holding the type in which it was found."""
        return ratio(self.images_found, self.images)

    @property
    def lesion_sensitivity(self) -> float:
        """Share of the annotated regions with at least one pixel predicted."""
        return ratio(self.lesions_hit, self.lesions)

    @property
    def strict_lesion_sensitivity(self) -> float:
        """Share of the annotated regions that are hit by the strict rule (see the module docstring)."""
        return ratio(self.lesions_hit_strict, self.lesions)

    @property
    def pixel_sensitivity(self) -> float:
        """Share of the annotated pixels that are predicted."""
        return ratio(self.pixels_found, self.pixels)

    @property
    def pixel_precision(self) -> float:
        """Share of the predicted pixels that are annotated with the type."""
        return ratio(self.pixels_found, self.predicted_pixels)


@dataclass(frozen=True)
class PredictionCounts:
    """Counts of the prediction over images, for all lesion types; `field_pixels` is the area of the fields of view."""

    images: int = 0
    blobs: int = 0
    false_blobs: int = 0
    predicted_pixels: int = 0
    field_pixels: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def false_positives_per_image(self) -> float:
        """Predicted blobs that touch no lesion of any type, per image."""
        return ratio(self.false_blobs, self.images)

    @property
    def area_fraction(self) -> float:
        """Share of the fields of view that is predicted."""
        return ratio(self.predicted_pixels, self.field_pixels)


@dataclass(frozen=True)
class Truth:
    """Annotated regions of one image per lesion type, and for "any", the union of all types."""

    regions: Mapping[str, Regions]

    @classmethod
    def of(cls, masks: Mapping[str, npt.NDArray[np.bool_]]) -> Self:
        """From one (H, W) mask per lesion type; at least one."""
        union = np.logical_or.reduce(list(masks.values()))
        return cls({name: label_regions(mask) for name, mask in {**masks, ANY: union}.items()})


@dataclass(frozen=True)
class Overlap:
    """One image: counts per lesion type, and counts of the prediction."""

    types: Mapping[str, Counts]
    prediction: PredictionCounts


def ratio(part: int, whole: int) -> float:
    """part / whole, NaN where whole is 0."""
    return part / whole if whole else math.nan


def blobs_of(mask: npt.NDArray[np.bool_]) -> Blobs:
    """The 8-connected regions of a mask (H, W) as blobs, numbered as `label_regions` numbers them."""
    regions = label_regions(mask)
    inside = np.flatnonzero(regions.labels)
    owner = regions.labels.ravel()[inside].astype(np.int64) - 1
    order = np.argsort(owner, kind="stable")
    height, width = mask.shape
    return Blobs((height, width), inside[order], owner[order], regions.count)


def measure(blobs: Blobs, truth: Truth, field_pixels: int) -> Overlap:
    """Count one image's blobs against its annotated regions; `field_pixels` is the area of the field of view.

    >>> lesions = np.zeros((6, 8), bool)
    >>> lesions[1:3, 1:3] = lesions[4, 6] = True
    >>> predicted = np.zeros((6, 8), bool)
    >>> predicted[2:4, 2:4] = True
    >>> overlap = measure(blobs_of(predicted), Truth.of({"haemorrhages": lesions}), 48)
    >>> counts = overlap.types["haemorrhages"]
    >>> counts.lesions, counts.lesions_hit, counts.pixels, counts.pixels_found
    (2, 1, 5, 1)
    >>> overlap.prediction.false_positives_per_image
    0.0
    """
    centroids = blobs.centroids()
    # Randomly placed blobs may overlap where nothing else fits; a pixel counts once.
    covered = np.zeros(blobs.shape, dtype=bool)
    covered.ravel()[blobs.pixels] = True
    distinct = np.flatnonzero(covered)
    types = {name: _count(blobs, centroids, distinct, regions) for name, regions in truth.regions.items()}
    touching = np.zeros(blobs.count, dtype=bool)
    touching[blobs.owner[truth.regions[ANY].labels.ravel()[blobs.pixels] > 0]] = True
    prediction = PredictionCounts(1, blobs.count, int((~touching).sum()), len(distinct), field_pixels)
    return Overlap(types, prediction)


def touching_pairs(blobs: Blobs, regions: Regions) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every (blob, region) pair, each numbered from 0, that shares a pixel: two arrays of equal length."""
    labels = regions.labels.ravel()[blobs.pixels].astype(np.int64)
    on = labels > 0
    pairs = np.unique(blobs.owner[on] * (regions.count + 1) + labels[on] - 1)
    blob, region = np.divmod(pairs, regions.count + 1)
    return blob, region


def _count(
    blobs: Blobs,
    centroids: npt.NDArray[np.float64],
    distinct: npt.NDArray[np.int64],
    regions: Regions,
) -> Counts:
    found = np.bincount(regions.labels.ravel()[distinct], minlength=regions.count + 1)[1:]
    blob, region = touching_pairs(blobs, regions)
    distance = np.linalg.norm(centroids[blob] - regions.centroids[region], axis=1)
    central = np.zeros(regions.count, dtype=bool)
    central[region[distance <= np.sqrt(regions.areas[region] / np.pi)]] = True
    return Counts(
        images=int(regions.count > 0),
        images_without=int(regions.count == 0),
        images_found=int(found.any()),
        lesions=regions.count,
        lesions_hit=int((found > 0).sum()),
        lesions_hit_strict=int(((2 * found >= regions.areas) | central).sum()),
        pixels=int(regions.areas.sum()),
        pixels_found=int(found.sum()),
        predicted_pixels=len(distinct),
    )
