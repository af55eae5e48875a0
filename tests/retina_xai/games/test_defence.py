"""The defence: which gradients are zero, and that the model is unchanged afterwards."""

import copy

import pytest
import torch
from helpers.activations import OneActivation, WithHead, cut_by_hand, hidden_units
from helpers.networks import TinyNet, alive, smooth_images
from torch import nn
from torch.nn import functional as F

from retina_xai.errors import ModelError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games.calls import NONLINEARITIES
from retina_xai.games.defence import defended_forward, record_bounds

MODULES = [
    *(nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.1), nn.LeakyReLU(0.1, inplace=True), nn.PReLU()),
    *(nn.ELU(), nn.SELU(), nn.CELU(), nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(), nn.SiLU(inplace=True)),
    *(nn.Mish(), nn.Hardswish(), nn.Hardtanh(), nn.Hardsigmoid(), nn.Sigmoid(), nn.Tanh(), nn.Softplus()),
    *(nn.Threshold(0.1, -0.5), nn.LogSigmoid(), nn.Softsign(), nn.Tanhshrink(), nn.Hardshrink(), nn.Softshrink()),
    nn.RReLU(0.1, 0.1),
]
FUNCTIONS = {
    **{f"F.{name}": getattr(F, name) for name in ("relu", "relu_", "leaky_relu", "gelu", "silu", "mish", "hardswish")},
    **{f"F.{name}": getattr(F, name) for name in ("relu6", "elu", "selu", "sigmoid", "tanh")},
    **{f"torch.{name}": getattr(torch, name) for name in ("relu", "sigmoid", "tanh")},
    **{f"Tensor.{name}": getattr(torch.Tensor, name) for name in ("relu", "sigmoid", "tanh")},
    "special.expit": torch.special.expit,
    "Tensor.relu_": lambda h: h.clone().relu_(),
    "F.threshold_": lambda h: F.threshold_(h.clone(), 0.1, -0.5),
    "Tensor.clamp": lambda h: h.clamp(min=0),
    "Tensor.clip": lambda h: h.clip(0, 1),
    "Tensor.clamp_": lambda h: h.clone().clamp_(min=0),
    "torch.clamp_min": lambda h: torch.clamp_min(h, 0),
    "torch.clamp_max": lambda h: torch.clamp_max(h, 1),
    "torch.maximum": lambda h: torch.maximum(h, torch.zeros_like(h)),
    "torch.minimum": lambda h: torch.minimum(h, torch.ones_like(h)),
    **{
        f"torch.{name}": getattr(torch, name) for name in ("exp", "expm1", "erf", "sin", "cos", "atan", "abs", "square")
    },
    "torch.arctan": torch.arctan,
    "Tensor.absolute": torch.Tensor.absolute,
    "h ** 3": lambda h: h**3,
    "F.glu": lambda h: F.glu(torch.cat([h, h], dim=1), dim=1),
}
OF_POSITIVE_UNITS = {
    **{f"torch.{name}": getattr(torch, name) for name in ("sqrt", "rsqrt", "log", "log1p", "reciprocal")},
    "torch.logit": lambda h: torch.logit(h / 100),
    "torch.special.logit": lambda h: torch.special.logit(h / 100),
    "1 / h": lambda h: 1 / h,
}
ACTIVATIONS = {**{str(module): module for module in MODULES}, **FUNCTIONS, **OF_POSITIVE_UNITS}


def input_gradient(model, images, forward):
    leaf = images.clone().requires_grad_()
    return torch.autograd.grad(forward(model, leaf).square().sum(), leaf)[0]


def fingerprint(model):
    """Everything that must not change: modules, flags, gradients, hooks, attributes, and the state dict's bytes."""
    return (
        [(name, type(module), module.training, sorted(module.__dict__)) for name, module in model.named_modules()],
        [(name, p.requires_grad, None if p.grad is None else p.grad.clone()) for name, p in model.named_parameters()],
        [
            len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
            for module in model.modules()
        ],
        {name: tensor.clone() for name, tensor in model.state_dict().items()},
    )


def assert_same(before, after):
    assert before[0] == after[0]
    assert before[2] == after[2]
    for (name, flag, grad), (name2, flag2, grad2) in zip(before[1], after[1], strict=True):
        assert (name, flag) == (name2, flag2)
        assert grad is grad2 is None or torch.equal(grad, grad2)
    assert all(torch.equal(tensor, after[3][name]) for name, tensor in before[3].items())


def defended_gradient(forward, original, explained):
    """The defended gradient of a model that sums `forward` of its input."""

    bounds, _ = record_bounds(WithHead(forward), original)
    assert len(bounds.calls) == 1
    leaf = explained.clone().requires_grad_()
    return torch.autograd.grad(defended_forward(WithHead(forward), leaf, bounds).sum(), leaf)[0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_nonlinearity_is_defended_exactly_where_it_leaves_its_bounds(name):
    act = ACTIVATIONS[name]
    if isinstance(act, nn.Module):
        act.requires_grad_(False)
    original, explained = hidden_units()
    if name in OF_POSITIVE_UNITS:
        original, explained = original.abs() + 1, 2 * explained.abs() + 1
    signal = torch.randn(original.shape, generator=torch.Generator().manual_seed(2))
    expected, inside = cut_by_hand(act, original, explained, signal)
    assert 0 < inside.float().mean() <= 1
    gradient = defended_gradient(lambda hidden: act(hidden) * signal, original, explained)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("act", [nn.LeakyReLU(0.1), nn.GELU(), nn.SELU()])
@pytest.mark.parametrize("factor", [-1, 2])
def test_units_above_or_below_their_bounds_have_no_gradient(act, factor):
    original, _ = hidden_units()
    explained = factor * original
    gradient = defended_gradient(act, original, explained)
    before, after = act(original), act(explained)
    room = 1e-4 * before.abs().max()
    beyond = (after > before.clamp(min=0) + room) | (after < before.clamp(max=0) - room)
    assert beyond.any()
    assert not gradient[beyond].any()


@pytest.mark.parametrize("name", ["rdr", "resnet18", "mobilenet_v2"])
def test_on_the_same_image_every_gradient_passes(name):
    images = smooth_images(4, 64)
    model = alive(name, images).requires_grad_(False)
    bounds, _ = record_bounds(model, images)
    plain = input_gradient(model, images, lambda model, leaf: model(leaf))
    defended = input_gradient(model, images, lambda model, leaf: defended_forward(model, leaf, bounds))
    torch.testing.assert_close(defended, plain, rtol=0, atol=0)


def share_cut(model, images, slack):
    """Share of units with zero gradient on the same images, run one by one instead of as a batch."""
    bounds, _ = record_bounds(model, images, slack)
    cut = total = 0
    for row, image in enumerate(images.split(1)):
        keep = torch.arange(len(images)) == row
        single, _ = record_bounds(model, image, 0.0)
        for wide, exact in zip(bounds.rows(keep).calls, single.calls, strict=True):
            # with slack 0 the recorded bounds hold the output itself: max(0, h) and min(0, h) add up to h
            output = exact.upper if exact.lower is None else exact.upper + exact.lower
            cut += int((~wide.holds(output)).sum())
            total += output.numel()
    return cut / total


def test_slack_prevents_zero_gradients_by_rounding():
    images = smooth_images(8, 64)
    model = alive("resnet18", images).requires_grad_(False)
    assert share_cut(model, images, 0.0) > 0
    assert share_cut(model, images, 1e-5) == 0


def test_calls_are_counted_not_modules():
    images = smooth_images(8, 64)
    bounds, _ = record_bounds(alive("resnet18", images).requires_grad_(False), images)
    assert len(bounds.calls) == 17
    torchvision_modules = sum(isinstance(module, nn.ReLU) for module in alive("resnet18", images).modules())
    assert torchvision_modules == 9


def test_attention_and_windows_are_defended_too():
    from torchvision.models import swin_t, vit_b_16

    for build, calls in ((vit_b_16, 12), (swin_t, 12)):
        torch.manual_seed(0)
        bounds, _ = record_bounds(build(weights=None).eval().requires_grad_(False), smooth_images(2, 224))
        assert sum(bound is not None for bound in bounds.calls) == calls
        rows = bounds.rows(torch.tensor([False, True]))
        assert rows.images == 1


def test_a_network_without_nonlinearity_is_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
    with pytest.raises(ModelError, match="no nonlinearity was found in Sequential"):
        FGVis(lam=1e-4)(model, torch.rand(1, 3, 4, 4))
    assert FGVis(lam=1e-4, iterations=2, defended=False)(model, torch.rand(1, 3, 4, 4)).mask is not None


class Moody(OneActivation):
    """Makes another call from its fifth forward pass on, or raises."""

    def __init__(self, mood):
        super().__init__(nn.ReLU())
        self.mood, self.passes = mood, [0]

    def forward(self, images):
        self.passes[0] += 1
        if self.passes[0] < 5:
            return super().forward(images)
        if self.mood == "raises":
            self.act(self.conv(images))
            raise RuntimeError("broken inside")
        hidden = self.act(self.conv(images)) if self.mood != "other" else torch.tanh(self.conv(images))
        hidden = torch.relu(hidden) if self.mood == "more" else hidden
        return self.head(hidden.mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("mood", "message"), [("more", "2: relu|2 calls, expected 1"), ("other", r"nonlinearity 1: tanh .*, expected relu")]
)
def test_a_network_with_different_calls_in_two_passes_is_refused(mood, message):
    with pytest.raises(ModelError, match=message):
        FGVis(lam=1e-4, iterations=5)(Moody(mood), smooth_images(1, 16))


@pytest.mark.parametrize("explainer", [FGVis(lam=1e-4, iterations=4), FGVis(lam=1e-4, iterations=4, defended=False)])
def test_the_model_is_unchanged_after_success(explainer):
    model = TinyNet().train()
    model.norm.eval()
    model.head.bias.requires_grad_(False)
    model(smooth_images(2, 16)).sum().backward()
    before = fingerprint(model)
    explainer(model, smooth_images(2, 16))
    assert_same(before, fingerprint(model))


def test_the_model_is_unchanged_after_an_exception_in_the_forward_pass():
    model = Moody("raises").train()
    before = fingerprint(model)
    with pytest.raises(RuntimeError, match="broken inside"):
        FGVis(lam=1e-4, iterations=4)(model, smooth_images(1, 16))
    assert_same(before, fingerprint(model))
    assert torch.relu(torch.tensor([-1.0])).item() == 0, "no mode is left on torch either"


def test_the_defence_keeps_a_black_image_black_where_the_plain_game_invents_a_class():
    images = smooth_images(8, 64)
    model = alive("resnet18", images)
    black = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        start_class = model(black).argmax(1)
    target = (start_class + 3) % 10
    reference = smooth_images(1, 64, seed=9)
    settings = {"game": "generation", "lam": 0.0, "iterations": 60, "reference": reference}
    plain = FGVis(**settings, defended=False)(model, black, target)
    defended = FGVis(**settings)(model, black, target)
    assert plain.score_after[0] > defended.score_after[0]


def test_a_copied_model_has_the_same_explanation():
    model = TinyNet().eval()
    images = smooth_images(1, 24)
    explain = FGVis(lam=1e-4, iterations=6)
    assert torch.equal(explain(model, images).mask, explain(copy.deepcopy(model), images).mask)


def test_every_known_nonlinearity_is_tested():
    seen = set()
    original, _ = hidden_units()
    for act in ACTIVATIONS.values():
        bounds, _ = record_bounds(WithHead(act), original.abs() + 1)
        seen |= {bound.name for bound in bounds.calls if bound is not None}
    assert seen == NONLINEARITIES.keys() - {"logsigmoid"}, "torch has it under log_sigmoid"
