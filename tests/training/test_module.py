"""Schedules, moving average and comparison of epochs against closed forms."""

import math

import numpy as np
import pytest
import torch

from retina_xai.errors import ModelError
from retina_xai.models.rdr import RdrNet
from retina_xai.training.config import OptimiserSettings, TrainingConfig
from retina_xai.training.module import EpochScore, RdrModule, step_decay, warmup_cosine

SETTINGS = {
    "stages": [{"size": 32, "epochs": 2, "batch": 4}],
    "network": {"width": 0.05},
    "optimiser": {"average": 0.5},
}


def _module(settings: dict[str, object] = SETTINGS) -> RdrModule:
    torch.manual_seed(0)
    return RdrModule(RdrNet(width=0.05), TrainingConfig.from_mapping(settings), 0)


def test_warm_up_then_cosine() -> None:
    settings = OptimiserSettings(warmup=0.2)
    assert warmup_cosine(settings, 0.1) == pytest.approx(0.5)
    assert warmup_cosine(settings, 0.2) == pytest.approx(1)
    assert warmup_cosine(settings, 0.6) == pytest.approx(0.505)
    assert warmup_cosine(settings, 1.0) == pytest.approx(0.01)
    assert warmup_cosine(OptimiserSettings(warmup=0), 0.0) == pytest.approx(1)
    assert warmup_cosine(OptimiserSettings(warmup=1), 1.0) == pytest.approx(1)


def test_published_drops_after_150_and_220_of_250_epochs() -> None:
    factors = [step_decay(OptimiserSettings(), epoch / 250) for epoch in (0, 149, 150, 219, 220, 249)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_the_average_follows_its_recursion_and_includes_statistics() -> None:
    module = _module()
    names = ["features.0.weight", "features.1.running_mean"]
    slow = {name: module.net.state_dict()[name].clone() for name in names}
    for step in range(12):
        for name in names:
            module.net.state_dict()[name].add_(0.1 * step)
        module.on_train_batch_end(None, None, step)
        # torch's average starts with the first weights
        kept = 0.0 if step == 0 else min(0.5, (1 + step) / (10 + step))
        for name in names:
            slow[name] = kept * slow[name] + (1 - kept) * module.net.state_dict()[name]
    for name in names:
        assert torch.allclose(module.result.state_dict()[name], slow[name], atol=1e-5)


def test_without_averaging_the_network_is_kept() -> None:
    module = _module({**SETTINGS, "optimiser": {"average": 0}})
    assert module.result is module.net


def test_labels_are_referable_from_grade_two() -> None:
    module = _module()
    _, labels = module._logits(module.net, (torch.zeros(5, 3, 32, 32), torch.arange(5)))
    assert labels.tolist() == [0, 0, 1, 1, 1]


def test_a_loss_that_is_not_finite_stops_with_stage_epoch_and_step(monkeypatch: pytest.MonkeyPatch) -> None:
    module = _module()
    batch = torch.full((4, 3, 32, 32), math.nan), torch.tensor([0, 2, 0, 2])
    with pytest.raises(ModelError, match=r"loss became nan in stage 1, epoch 1, step 6;.*lower optimiser.lr"):
        module.training_step(batch, 5)


def test_epochs_are_compared_by_auroc_or_else_by_loss() -> None:
    assert EpochScore(0, 0.9, 0.8).rank > EpochScore(0, 0.1, 0.7).rank
    assert EpochScore(0, 0.1, math.nan).rank > EpochScore(0, 0.9, math.nan).rank


@pytest.mark.parametrize(("own", "expected"), [({}, 0.003), ({"lr": 0.02}, 0.02)])
def test_a_stage_may_have_a_learning_rate_of_its_own(own: dict[str, float], expected: float) -> None:
    stage = {"size": 32, "epochs": 2, "batch": 4, **own}
    module = _module({**SETTINGS, "stages": [stage], "optimiser": {"lr": 0.003}})
    module.trainer = type("Plan", (), {"estimated_stepping_batches": 10, "strategy": None})()  # type: ignore[assignment]
    optimiser = module.configure_optimizers()["optimizer"]  # type: ignore[index,call-overload]
    assert optimiser.defaults["lr"] == expected


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_optimisers_by_name(name: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    module = _module({**SETTINGS, "optimiser": {"name": name, "lr": 0.003, "weight_decay": 5e-4}})
    module.trainer = type("Plan", (), {"estimated_stepping_batches": 10, "strategy": None})()  # type: ignore[assignment]
    chosen = module.configure_optimizers()
    optimiser = chosen["optimizer"]  # type: ignore[index,call-overload]
    assert isinstance(optimiser, kind)
    assert {id(p) for group in optimiser.param_groups for p in group["params"]} == {
        id(p) for p in module.net.parameters()
    }
    assert optimiser.defaults.get("nesterov", True) is True and optimiser.defaults["weight_decay"] == np.float64(5e-4)
