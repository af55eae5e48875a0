"""Candidates as a binary segmentation with one segment per type of lesion, evidence as a fractional one.

highdicom takes Ophthalmic Photography for a multi-frame class of the kind that holds functional groups. So the copy of
the photograph gets a group with a spacing, which is removed from the result: it would need a slice thickness, too.
"""

import highdicom
import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from pydicom.dataset import Dataset

from retina_xai import __version__
from retina_xai.dicom_results.codes import ABNORMAL, EVIDENCE, LESIONS, RETINA
from retina_xai.dicom_results.sources import DEVICE, ResultSource, finished
from retina_xai.lesions.annotation import UNSPECIFIED, Annotation

LEVELS = 255
"""Fractional segmentations have 8 bits: evidence is rounded to 1 / 255."""


def candidates_segmentation(source: ResultSource) -> Dataset:
    """The candidates (H, W), a segment per type; one empty segment where there is none."""
    lesions = source.localization.lesions
    types = sorted({lesion.type for lesion in lesions}) or [UNSPECIFIED]
    shape = source.localization.evidence_rows.shape
    masks = [mask_of([lesion for lesion in lesions if lesion.type == name], shape) for name in types]
    described = [
        _described(source, number, f"{name.replace('_', ' ')}, candidates", name)
        for number, name in enumerate(types, start=1)
    ]
    return _segmentation(source, np.stack(masks, axis=-1)[None], "BINARY", described, 1)


def evidence_segmentation(source: ResultSource) -> Dataset:
    """The evidence (H, W), in steps of 1 / 255."""
    evidence = np.rint(source.localization.evidence * LEVELS).astype(np.float32) / LEVELS
    described = [_described(source, 1, "evidence", None)]
    return _segmentation(source, evidence[None, ..., None], "FRACTIONAL", described, 2)


def mask_of(lesions: list[Annotation], shape: tuple[int, int]) -> np.ndarray:
    """The pixels (H, W) bool inside the outlines of lesions, whose vertices lie at the corners of pixels.

    A pixel is inside where an odd number of rings surrounds it; only vertical edges are needed to count them.
    """
    mask = np.zeros(shape, bool)
    for lesion in lesions:
        left, top, right, bottom = (round(value + 0.5) for value in lesion.shape.box)
        inside = np.zeros((bottom - top, right - left), np.int32)
        for ring in lesion.shape.outline.rings:
            for (x, y), (next_x, next_y) in zip(ring, (*ring[1:], ring[0]), strict=True):
                if x == next_x:  # a vertical edge changes the parity of all pixels to its right
                    upper, lower = sorted((round(y + 0.5), round(next_y + 0.5)))
                    inside[upper - top : lower - top, round(x + 0.5) - left :] += 1
        mask[top:bottom, left:right] |= inside % 2 == 1
    return mask


def _described(source: ResultSource, number: int, label: str, lesion_type: str | None) -> SegmentDescription:
    method = highdicom.AlgorithmIdentificationSequence(
        name=f"{DEVICE} {source.run['method']['name']}",
        family=highdicom.sr.CodedConcept("123110", "DCM", "Artificial Intelligence"),
        version=__version__,
        parameters={"weights SHA-256": source.weights},
    )
    return SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=ABNORMAL,
        segmented_property_type=EVIDENCE if lesion_type is None else LESIONS[lesion_type],
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=method,
        anatomic_regions=[RETINA],
    )


def _segmentation(
    source: ResultSource, pixels: np.ndarray, kind: str, described: list[SegmentDescription], number: int
) -> Dataset:
    header = Dataset()
    header.update(source.header)
    header.NumberOfFrames = 1
    group, measures = Dataset(), Dataset()
    measures.PixelSpacing = [1, 1]
    group.PixelMeasuresSequence = [measures]
    header.SharedFunctionalGroupsSequence = [group]
    made = Segmentation(
        [header],
        pixels,
        kind,
        described,
        max_fractional_value=LEVELS,
        omit_empty_frames=False,
        content_label="CANDIDATES" if kind == "BINARY" else "EVIDENCE",
        **source.equipment(number),
        **source.device(),
    )
    made.SharedFunctionalGroupsSequence[0].pop("PixelMeasuresSequence", None)
    made.SeriesDescription = "Lesion candidates" if kind == "BINARY" else "Evidence"
    return finished(made, source)
