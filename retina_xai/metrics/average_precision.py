"""Pixel-level average precision over any number of photographs, from histograms of the evidence.

    AP = sum_n (R_n - R_(n-1)) P_n     over descending thresholds n, recall R, precision P      (scikit-learn)

Pooling the pixels of 89 photographs would need 150 million scores in memory. Therefore each photograph is summarised by
two histograms, of lesion pixels and of other pixels, over the 65,536 levels of the stored 16-bit evidence. Histograms
are added over photographs, and scikit-learn computes the exact AP of the levels with the counts as sample weights.
"""

import math

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

LEVELS = 65_536


def evidence_levels(evidence: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Evidence in [0, 1] of any shape as levels 0..65535, the values of the 16-bit picture."""
    return np.rint(evidence.astype(np.float64) * (LEVELS - 1)).astype(np.int64)


def level_counts(levels: npt.NDArray[np.int64], selected: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """(65536,) number of selected pixels at each level; int32 is enough for one photograph and halves the memory."""
    return np.bincount(levels[selected], minlength=LEVELS).astype(np.int32)


def average_precision(positive: npt.NDArray[np.integer], negative: npt.NDArray[np.integer]) -> float:
    """AP of two histograms (65536,) of lesion and other pixels; NaN without a lesion pixel.

    >>> evidence, lesion = np.array([0.9, 0.8, 0.3, 0.0]), np.array([True, False, True, False])
    >>> levels = evidence_levels(evidence)
    >>> round(average_precision(level_counts(levels, lesion), level_counts(levels, ~lesion)), 3)
    0.833
    """
    if not positive.any():
        return math.nan
    level, weight = np.tile(np.arange(len(positive)), 2), np.concatenate([positive, negative])
    label = np.repeat([1, 0], len(positive))
    used = weight > 0
    return float(average_precision_score(label[used], level[used], sample_weight=weight[used]))
