"""The verdict on a photograph: image quality, p(RDR), and the decision at the threshold of the weights.

    quality      p < threshold - MARGIN     within MARGIN    p >= threshold + MARGIN
    good         no referable DR found      not sure         refer
    usable       ungradable                 not sure         refer
    ungradable   ungradable                 ungradable       ungradable

A usable photograph is good enough to show disease, but not to exclude it, so it is never reported as negative. "Not
sure" means that small changes of the picture could change the decision; a person must grade the photograph.

The records of `localize`, the store of readings, the cache of scores and the viewer all use this JSON:

    {"gradability": {"verdict": "good", "reason": "..."},
     "prediction": {"rdr_score": 0.875, "threshold": 0.5, "margin": 0.03, "decision": "refer"}}
"""

from dataclasses import asdict, dataclass
from typing import Any

from retina_xai.checks import check_share
from retina_xai.errors import InputError
from retina_xai.fundus.quality import Gradability

REFER = "refer"
NO_REFERABLE_DR = "no referable DR found"
UNGRADABLE = "ungradable"
NOT_SURE = "not sure"
DECISIONS = (REFER, NOT_SURE, NO_REFERABLE_DR, UNGRADABLE)

MARGIN = 0.03
"""Half the width of the band around the threshold in which the decision is NOT_SURE.

Saving a photograph whose score is near the threshold again as JPEG of quality 90 changes the score by about as much.
"""


@dataclass(frozen=True)
class Verdict:
    """Gradability, score p(RDR) and threshold, both in [0, 1], and the margin of the module docstring.

    `margin` is None for a verdict of an earlier version, which had no margin and reported usable photographs as
    negative; such a verdict keeps the decision that was shown then.

    >>> Verdict(Gradability("good", ""), score=0.875, threshold=0.5).decision
    'refer'

    Raises:
        InputError: score, threshold or margin is not a number in [0, 1].
    """

    gradability: Gradability
    score: float
    threshold: float
    margin: float | None = MARGIN

    def __post_init__(self) -> None:
        """Check score, threshold and margin."""
        check_share("score", self.score)
        check_share("threshold", self.threshold)
        if self.margin is not None:
            check_share("margin", self.margin)

    @property
    def decision(self) -> str:
        """One of `DECISIONS`, by the table of the module docstring."""
        if self.gradability.verdict == "ungradable":
            return UNGRADABLE
        margin = self.margin or 0.0
        if self.score >= self.threshold + margin:
            return REFER
        if self.score >= self.threshold - margin:
            return NOT_SURE
        return NO_REFERABLE_DR if self.gradability.verdict == "good" or self.margin is None else UNGRADABLE

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON, with the decision."""
        return {
            "gradability": asdict(self.gradability),
            "prediction": {
                "rdr_score": self.score,
                "threshold": self.threshold,
                "margin": self.margin,
                "decision": self.decision,
            },
        }

    @classmethod
    def from_json(cls, values: Any) -> "Verdict":
        """The inverse of `to_json`, for any value that was parsed from JSON.

        Raises:
            InputError: a value is missing or invalid, or the decision does not follow from the other values.
        """
        try:
            prediction, gradability = values["prediction"], values["gradability"]
            verdict = cls(
                Gradability(gradability["verdict"], gradability["reason"], gradability.get("score")),
                prediction["rdr_score"],
                prediction["threshold"],
                prediction.get("margin"),
            )
            decision = prediction["decision"]
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"not a verdict ({type(error).__name__}: {error}); score the photograph again") from error
        if decision != verdict.decision:
            raise InputError(f"decision {decision!r}: expected {verdict.decision!r} for this quality and score")
        return verdict
