"""Calibration by slope and shift: the score becomes sigmoid(slope * z + shift), z being the logit of the former score.

Platt, "Probabilistic outputs for support vector machines", 1999; here a logistic regression without a penalty. With a
positive slope it is monotonic, so the AUROC does not change.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retina_xai.errors import InputError

LARGEST_LOGIT = 30.0


@dataclass(frozen=True)
class Platt:
    """Slope (above 0) and shift of the logit."""

    slope: float = 1.0
    shift: float = 0.0

    def scores(self, logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The new scores (N,) of former logits (N,)."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope * logits + self.shift, -LARGEST_LOGIT, LARGEST_LOGIT))))


def fit_platt(labels: npt.NDArray[np.bool_], logits: npt.NDArray[np.float64]) -> Platt:
    """The fit to labels (N,) and logits (N,), both classes present.

    Raises:
        InputError: the slope is not positive.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, max_iter=1000).fit(logits[:, None], labels)
    slope, shift = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:
        raise InputError(
            f"the scores do not rise with the disease (slope {slope:.2f}): check the labels and --positive"
        )
    return Platt(slope, shift)


def logits_of_scores(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """log(p / (1 - p)) of scores (N,), bounded."""
    least = 1 / (1 + np.exp(LARGEST_LOGIT))
    inner = np.clip(scores, least, 1 - least)
    return np.asarray(np.log(inner) - np.log1p(-inner))
