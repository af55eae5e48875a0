"""The verdict on a photograph: image quality, p(RDR), and the decision at the threshold of the weights.

The records of `localize`, the store of readings, the cache of scores and the viewer all use this JSON:

    {"gradability": {"verdict": "good", "reason": "..."},
     "prediction": {"rdr_score": 0.875, "threshold": 0.5, "decision": "refer"}}
"""

from dataclasses import asdict, dataclass
from typing import Any

from retina_xai.checks import check_share
from retina_xai.errors import InputError
from retina_xai.fundus.quality import Gradability

REFER = "refer"
NO_REFERABLE_DR = "no referable DR found"
UNGRADABLE = "ungradable"


@dataclass(frozen=True)
class Verdict:
    """Gradability, score p(RDR) and threshold, both in [0, 1].

    >>> Verdict(Gradability("good", ""), score=0.875, threshold=0.5).decision
    'refer'

    Raises:
        InputError: score or threshold is not a number in [0, 1].
    """

    gradability: Gradability
    score: float
    threshold: float

    def __post_init__(self) -> None:
        """Check score and threshold."""
        check_share("score", self.score)
        check_share("threshold", self.threshold)

    @property
    def decision(self) -> str:
        """UNGRADABLE for an ungradable photograph; otherwise REFER (score >= threshold) or NO_REFERABLE_DR."""
        if self.gradability.verdict == "ungradable":
            return UNGRADABLE
        return REFER if self.score >= self.threshold else NO_REFERABLE_DR

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON, with the decision."""
        return {
            "gradability": asdict(self.gradability),
            "prediction": {"rdr_score": self.score, "threshold": self.threshold, "decision": self.decision},
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
                Gradability(gradability["verdict"], gradability["reason"]),
                prediction["rdr_score"],
                prediction["threshold"],
            )
            decision = prediction["decision"]
        except (KeyError, TypeError) as error:
            raise InputError(f"not a verdict ({type(error).__name__}: {error}); score the photograph again") from error
        if decision != verdict.decision:
            raise InputError(f"decision {decision!r}: expected {verdict.decision!r} for this quality and score")
        return verdict
