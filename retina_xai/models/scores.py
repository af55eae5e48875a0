"""The score of a class, from the logits z (N, K) of a network, and what a game makes of it.

| score     | value of class c    | minimised to keep c | c is present if                        | head            |
|-----------|---------------------|---------------------|----------------------------------------|-----------------|
| "softmax" | exp z_c / sum exp z | -log of the value   | z_c is the largest                     | K >= 2 classes  |
| "sigmoid" | 1 / (1 + exp -z_c)  | -log of the value   | the value is at least 0.5              | K >= 1 findings |
| "logit"   | z_c                 | -z_c                | z_c is the largest (K = 1: at least 0) | any             |
| callable  | f(z, c)             | -f(z, c)            | as for "logit"                         | any             |

Preservation and generation succeed if the class is present, deletion and repression if it is not. The most likely class
is the largest logit for every score; a head with one logit has the class 0, the positive one. Gradient methods
differentiate the unnormalised score z_c, as their authors do, or f.

A callable takes logits (N, K) and classes (N,), and returns (N,), differentiable for games and gradient methods. It
gets the outputs of the network as they are; the other scores get logits of networks that end in a softmax or sigmoid,
too (see `models.outputs`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from retina_xai.errors import UsageError

ClassScore = Callable[[Tensor, Tensor], Tensor]
"""(logits (N, K), classes (N,)) -> one value per image, (N,)."""

Score = str | ClassScore
"""A key of `SCORES`, or a function."""

PROBABILITY_FLOOR = 1e-36
"""Lower probabilities count as this one, so that logarithms are finite."""

CERTAIN = 1e-12
"""In log p - log(1 - p), 1 - p is at least this."""


def class_score(logits: Tensor, targets: Tensor) -> Tensor:
    """Softmax score of each image's target class, (N,) in [0, 1].

    >>> class_score(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor([0.5000])
    """
    return class_logit(logits.softmax(dim=1), targets)


def class_logit(logits: Tensor, targets: Tensor) -> Tensor:
    """The logit of each image's target class, (N,)."""
    return logits.gather(1, targets[:, None])[:, 0]


def _kept(output: Tensor) -> Tensor:
    return output


def log_probability(output: Tensor) -> Tensor:
    """log p of probabilities, finite for p = 0. Its softmax is p again."""
    return (_wide(output) + PROBABILITY_FLOOR).log()


def log_odds(output: Tensor) -> Tensor:
    """log p - log(1 - p) of probabilities, finite for p = 0 and p = 1. Its sigmoid is p again."""
    probabilities = _wide(output)
    return (probabilities + PROBABILITY_FLOOR).log() - (1 - probabilities + CERTAIN).log()


def _log_odds_of_logarithm(output: Tensor) -> Tensor:
    return log_odds(_wide(output).exp())


def _wide(output: Tensor) -> Tensor:
    """Half precision cannot hold the logarithms of small probabilities."""
    return output.to(torch.promote_types(output.dtype, torch.float32))


Conversions = Mapping[str, Callable[[Tensor], Tensor]]
"""Ending of a network (see `models.outputs`) -> how its outputs become logits; other endings are refused."""

OF_SOFTMAX: Conversions = {"logits": _kept, "log-softmax": _kept, "softmax": log_probability}
OF_SIGMOID: Conversions = {"logits": _kept, "sigmoid": log_odds, "log-sigmoid": _log_odds_of_logarithm}


@dataclass(frozen=True)
class ScoreSpec:
    """One row of the table above.

    key: name in reports. symbol: of a value, in pictures. value, loss, differentiated: functions of (logits, classes)
    -> (N,); the score, what a game that keeps the class minimises, and what gradient methods differentiate. present:
    whether the network sees the class, (N,) bool. table: the scores of all classes, (N, K), from logits. conversions:
    of outputs to logits; none leaves them as they are. probability: whether values are in [0, 1]. one_logit: whether a
    head with K = 1 has this score. advice: the score for networks that this one does not take.
    """

    key: str
    symbol: str
    value: ClassScore
    loss: ClassScore
    differentiated: ClassScore
    present: ClassScore
    table: Callable[[Tensor], Tensor]
    conversions: Conversions | None = field(hash=False)
    probability: bool
    one_logit: bool
    advice: str = ""


def _softmax_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits, targets, reduction="none")


def _largest(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.argmax(dim=1) == targets


def _largest_or_positive(logits: Tensor, targets: Tensor) -> Tensor:
    return logits[:, 0] >= 0 if logits.shape[1] == 1 else _largest(logits, targets)


def _sigmoid_value(logits: Tensor, targets: Tensor) -> Tensor:
    return class_logit(logits, targets).sigmoid()


def _sigmoid_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return -F.logsigmoid(class_logit(logits, targets))


def _at_least_half(logits: Tensor, targets: Tensor) -> Tensor:
    return class_logit(logits, targets) >= 0


def _negative_logit(logits: Tensor, targets: Tensor) -> Tensor:
    return -class_logit(logits, targets)


SCORES: dict[str, ScoreSpec] = {
    spec.key: spec
    for spec in (
        ScoreSpec(
            "softmax",
            "p",
            class_score,
            _softmax_loss,
            class_logit,
            _largest,
            lambda logits: logits.softmax(dim=1),
            conversions=OF_SOFTMAX,
            probability=True,
            one_logit=False,
            advice="sigmoid",
        ),
        ScoreSpec(
            "sigmoid",
            "p",
            _sigmoid_value,
            _sigmoid_loss,
            class_logit,
            _at_least_half,
            torch.sigmoid,
            conversions=OF_SIGMOID,
            probability=True,
            one_logit=True,
            advice="softmax",
        ),
        ScoreSpec(
            "logit",
            "logit",
            class_logit,
            _negative_logit,
            class_logit,
            _largest_or_positive,
            _kept,
            conversions={**OF_SOFTMAX, **OF_SIGMOID},
            probability=False,
            one_logit=True,
        ),
    )
}


def score_spec(score: Score) -> ScoreSpec:
    """The entry of that name, or an entry for a function.

    Raises:
        UsageError: unknown name.
    """
    if not isinstance(score, str):
        return _of_function(score)
    if score not in SCORES:
        raise UsageError(f"unknown score {score!r}: choose one of {', '.join(SCORES)}, or give a function")
    return SCORES[score]


def score_name(score: Score) -> str:
    """The name of a score in reports."""
    return score if isinstance(score, str) else getattr(score, "__qualname__", type(score).__qualname__)


def _of_function(function: ClassScore) -> ScoreSpec:
    if not callable(function):
        raise UsageError(
            f"score of type {type(function).__name__}: choose one of {', '.join(SCORES)}, or give a function"
        )

    def value(logits: Tensor, targets: Tensor) -> Tensor:
        values = function(logits, targets)
        if not isinstance(values, Tensor) or values.shape != targets.shape:
            came = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise UsageError(f"the score function returned {came} for {len(targets)} images: return one value for each")
        return values

    def table(logits: Tensor) -> Tensor:
        classes = torch.arange(logits.shape[1], device=logits.device)
        return torch.stack([value(logits, one.expand(len(logits))) for one in classes], dim=1)

    return ScoreSpec(
        score_name(function),
        "score",
        value,
        lambda logits, targets: -value(logits, targets),
        value,
        _largest_or_positive,
        table,
        conversions=None,
        probability=False,
        one_logit=True,
    )
