"""From evidence to the box of an object: weakly supervised localization.

    grabcut     Simonyan et al. (2014): the colours of the foreground are those of the strongest 5 % of the pixels,
                those of the background the weakest 30 %; the graph cut of GrabCut (Rother et al., 2004) divides all
                pixels by them. For maps of single pixels: saliency, FGVis.
    threshold   Selvaraju et al. (2017): pixels of at least 15 % of the maximum. For smooth maps: Grad-CAM.

The box is that of the largest connected component (8 neighbours). Without any evidence, or where GrabCut finds no
foreground, there is no box (None). The weakest pixels give the colours only and can become foreground: a sparse map has
many of them on the object, and the box of a drawn object had an IoU of 0.56 instead of 1 where they were fixed. The
random numbers of GrabCut have a fixed seed.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from retina_xai.evaluation.objects.boxes import Box

FOREGROUND, BACKGROUND, SHARE = 0.95, 0.30, 0.15

Evidence = npt.NDArray[np.floating]
Picture = npt.NDArray[np.uint8]


def grabcut_box(evidence: Evidence, pixels: Picture) -> Box | None:
    """The box of evidence (H, W) on its photograph (H, W, 3) RGB by GrabCut."""
    low, high = np.quantile(evidence, [BACKGROUND, FOREGROUND])
    if not high > low:  # few pixels have evidence: all of them are foreground
        high, low = np.nextafter(0, 1), 0.0
    sure, weak = evidence >= high, evidence <= low
    if not sure.any() or not weak.any():
        return None
    colours = np.ascontiguousarray(pixels[..., ::-1])
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))  # of background and foreground
    seeds = np.concatenate([np.full(weak.sum(), cv2.GC_BGD), np.full(sure.sum(), cv2.GC_FGD)]).astype(np.uint8)[None]
    samples = np.concatenate([colours[weak], colours[sure]])[None]
    cv2.grabCut(samples, seeds, None, *models, 1, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    labels = np.where(sure, cv2.GC_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    cv2.grabCut(colours, labels, None, *models, 1, cv2.GC_EVAL_FREEZE_MODEL)  # type: ignore[call-overload]
    return box_of_mask((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def threshold_box(evidence: Evidence, pixels: Picture) -> Box | None:
    """The box of the pixels with at least 15 % of the maximum of evidence (H, W); the photograph is not used."""
    peak = float(evidence.max())
    return box_of_mask(evidence >= SHARE * peak) if peak > 0 else None


def box_of_mask(mask: npt.NDArray[np.bool_]) -> Box | None:
    """The box of the largest connected component of a mask (H, W); None if it is empty."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    left, top, width, height, _ = (int(value) for value in stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())])
    return Box(left, top, left + width, top + height)


BoxRule = Callable[[Evidence, Picture], Box | None]
