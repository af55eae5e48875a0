"""A learned quality score beside the rules of `quality`: the probability that a photograph is good.

A logistic regression on the measures of `quality`, with all products of two of them:

    p = sigmoid(offset + z . linear + z' quadratic z),    z = (features - mean) / scale

`training.quality` fits it: to photographs that graders call good or bad, and to good ones that were blurred, moved,
darkened, overexposed, veiled and made noisy. The features are bounded measures as they are and the logarithms of
contrasts. The rules stay, because each names what is wrong; the score catches photographs that pass all of them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from retina_xai.errors import ModelError

PLAIN = (
    *("support", "colour", "red", "ordered", "dark", "glare"),
    *("detail", "sharpness", "isotropy", "texture", "noise", "saturation", "flat"),
)
LOGARITHMS = ("detail", "sharpness", "texture", "noise")
LEAST = 0.02
"""Below this, logarithms of contrasts and noise stay constant."""

FEATURES = (*PLAIN, *(f"log {name}" for name in LOGARITHMS), "log detail / texture")
RESOURCE = "quality_score.json"


@dataclass(frozen=True)
class QualityScore:
    """The fitted score: `mean`, `scale` and `linear` (F,), `quadratic` (F, F), `offset`, and the limit of a good one.

    Raises:
        ModelError: other shapes, or values that are not finite.
    """

    mean: np.ndarray
    scale: np.ndarray
    linear: np.ndarray
    quadratic: np.ndarray
    offset: float
    limit: float

    def __post_init__(self) -> None:
        count = len(FEATURES)
        shapes = [np.shape(values) for values in (self.mean, self.scale, self.linear, self.quadratic)]
        if shapes != [(count,), (count,), (count,), (count, count)]:
            raise ModelError(f"quality score with shapes {shapes}: expected {count} features; fit it again")
        if not all(np.isfinite(values).all() for values in (self.mean, self.scale, self.linear, self.quadratic)):
            raise ModelError("quality score with values that are not finite: fit it again")

    def of(self, features: np.ndarray) -> np.ndarray:
        """The probabilities (N,) of being good, of features (N, F)."""
        z = (features - self.mean) / self.scale
        logit = self.offset + z @ self.linear + np.einsum("ni,ij,nj->n", z, self.quadratic, z)
        return np.asarray(1 / (1 + np.exp(-np.clip(logit, -50, 50))))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        arrays = {name: getattr(self, name).tolist() for name in ("mean", "scale", "linear", "quadratic")}
        return {"features": list(FEATURES), **arrays, "offset": self.offset, "limit": self.limit}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "QualityScore":
        """The inverse of `to_json`.

        Raises:
            ModelError: a value is missing, or was fitted to other features.
        """
        try:
            if tuple(values["features"]) != FEATURES:
                raise ModelError("quality score of other features: fit it again")
            arrays = {name: np.array(values[name], float) for name in ("mean", "scale", "linear", "quadratic")}
            return cls(**arrays, offset=float(values["offset"]), limit=float(values["limit"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"not a quality score ({type(error).__name__}: {error}); fit it again") from error


def features_of(measures: Mapping[str, float]) -> np.ndarray:
    """The features (F,) of the measures of a photograph, by name."""
    logarithms = [np.log(max(measures[name], LEAST)) for name in LOGARITHMS]
    ratio = np.log(max(measures["detail"] / max(measures["texture"], LEAST), LEAST))
    return np.array([*(measures[name] for name in PLAIN), *logarithms, ratio], float)


@cache
def shipped_score() -> QualityScore:
    """The score that comes with the package."""
    return QualityScore.from_json(json.loads(files("retina_xai").joinpath("weights", RESOURCE).read_text("utf-8")))
