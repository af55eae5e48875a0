"""Scores of classes: closed forms, gradients, and probabilities that are exactly 0 or 1."""

import math

import pytest
import torch
from helpers.linear_score import LinearScore, weights
from torch.nn import functional as F

from retina_xai.errors import UsageError
from retina_xai.metrics.deletion import CurveSettings, removal_curve
from retina_xai.models.scores import SCORES, log_odds, log_probability, score_name, score_spec

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [-3.0, -0.2, -4.0]]).double()
CLASSES = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("score", "values", "present"),
    [
        ("softmax", [math.e**2 / (math.e**2 + 1 / math.e + math.e**0.5), None], [True, True]),
        ("sigmoid", [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(0.2))], [True, False]),
        ("logit", [2.0, -0.2], [True, True]),
        (lambda logits, classes: logits.amax(dim=1), [2.0, -0.2], [True, True]),
    ],
)
def test_values_and_the_classes_that_are_present(score, values, present):
    spec = score_spec(score)
    for row, expected in enumerate(values):
        if expected is not None:
            assert spec.value(LOGITS, CLASSES)[row].item() == pytest.approx(expected)
            assert spec.table(LOGITS)[row, CLASSES[row]].item() == pytest.approx(expected)
    assert spec.present(LOGITS, CLASSES).tolist() == present


def test_a_finding_is_present_from_one_half_on_and_a_single_logit_from_zero_on():
    half = torch.tensor([[0.0, 3.0], [-1e-6, 3.0]])
    assert SCORES["sigmoid"].present(half, torch.tensor([0, 0])).tolist() == [True, False]
    assert SCORES["logit"].present(half[:, :1], torch.tensor([0, 0])).tolist() == [True, False]


@pytest.mark.parametrize("score", ["softmax", "sigmoid"])
def test_the_loss_of_probabilities_is_their_cross_entropy_and_finite_where_they_are_zero(score):
    spec = SCORES[score]
    torch.testing.assert_close(spec.loss(LOGITS, CLASSES), -spec.value(LOGITS, CLASSES).log())
    far = torch.tensor([[-500.0, 500.0]])
    assert torch.isfinite(spec.loss(far, torch.tensor([0])))


@pytest.mark.parametrize(("function", "inverse"), [(log_probability, torch.exp), (log_odds, torch.sigmoid)])
def test_probabilities_become_logits_that_give_them_back(function, inverse):
    inside = torch.tensor([1e-9, 0.2, 0.5, 1 - 1e-6]).double().requires_grad_()
    torch.testing.assert_close(inverse(function(inside)), inside)
    (gradient,) = torch.autograd.grad(inverse(function(inside)).sum(), inside)
    torch.testing.assert_close(gradient, torch.ones_like(inside))
    ends = torch.tensor([0.0, 1.0, 1e-38], requires_grad=True)
    logits = function(ends)
    assert torch.isfinite(logits).all()
    torch.testing.assert_close(inverse(logits), ends)
    (gradient,) = torch.autograd.grad(logits.sum(), ends)
    assert torch.isfinite(gradient).all()


def test_a_saturated_softmax_has_the_gradient_of_its_logits():
    logits = torch.tensor([[30.0, -30.0, 0.0]], requires_grad=True)
    given = SCORES["softmax"].conversions["softmax"](logits.softmax(dim=1))
    for target in (0, 1, 2):
        (taken,) = torch.autograd.grad(F.cross_entropy(given, torch.tensor([target])), logits, retain_graph=True)
        (plain,) = torch.autograd.grad(F.cross_entropy(logits, torch.tensor([target])), logits)
        torch.testing.assert_close(taken, plain)


def test_names_in_reports_and_unknown_scores():
    class Margin:
        def __call__(self, logits, classes):
            return logits[:, 0]

    assert score_name("sigmoid") == "sigmoid"
    assert score_name(Margin()).endswith("Margin")
    with pytest.raises(
        UsageError, match="unknown score 'p': choose one of softmax, sigmoid, logit, or give a function"
    ):
        score_spec("p")
    with pytest.raises(
        UsageError, match="score of type NoneType: choose one of softmax, sigmoid, logit, or give a func"
    ):
        score_spec(None)
    with pytest.raises(UsageError, match="unknown score 'p'"):
        CurveSettings(score="p")


def test_a_removal_curve_of_another_score():
    weight = weights(10, 12)
    image, evidence = torch.ones(3, 10, 12).double(), torch.rand(10, 12)
    softmax, logit = (
        removal_curve(LinearScore(weight), image, evidence, 0, CurveSettings(score=score))
        for score in ("softmax", "logit")
    )
    assert logit.scores == pytest.approx([math.log(score) for score in softmax.scores])
    assert math.isnan(logit.relative_auc)
