"""The walk through the autograd graph: activations written by hand, gates, and nonlinearities that no call shows."""

import pytest
import torch
from helpers.activations import OneActivation, WithHead, cut_by_hand, hidden_units
from helpers.networks import smooth_images
from torch import nn
from torch.nn import functional as F

from retina_xai.errors import ModelError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games.defence import defended_forward, record_bounds


class Doubled(torch.autograd.Function):
    """A custom function; its gradient is not the point."""

    @staticmethod
    def forward(ctx, hidden):
        return hidden.relu()

    @staticmethod
    def backward(ctx, signal):
        return signal


BY_HAND = {
    "x * sigmoid(x)": (lambda x: x * torch.sigmoid(x), F.silu),
    "x / (1 + exp(-x))": (lambda x: x / (1 + torch.exp(-x)), F.silu),
    "silu, in place": (lambda x: x.clone().mul_(x.sigmoid()), F.silu),
    "x * relu6(x + 3) / 6": (lambda x: x * F.relu6(x + 3) / 6, F.hardswish),
    "x * hardtanh(x + 3, 0, 6) / 6": (lambda x: x * F.hardtanh(x + 3, 0.0, 6.0) / 6, F.hardswish),
    "gelu by erf": (lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)), F.gelu),
    "gelu by tanh": (
        lambda x: 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3))),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "gelu by products": (
        lambda x: x * 0.5 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x * x * x))),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "x * tanh(softplus(x))": (lambda x: x * torch.tanh(F.softplus(x)), F.mish),
    "of a sum": (lambda x: (x + 1 - 1) * torch.sigmoid(x + 1 - 1), F.silu),
    "x * x": (lambda x: x * x, torch.square),
    "max(x, 0)": (lambda x: torch.max(x, torch.zeros_like(x)), F.relu),
    "min(x, 0)": (lambda x: torch.min(x, other=torch.zeros_like(x)), lambda x: -F.relu(-x)),
    "1 / x": (lambda x: torch.div(torch.ones_like(x), x), torch.reciprocal),
    "log inside of the network": (lambda x: torch.log(x + 30), lambda x: torch.log1p(x + 29)),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_an_activation_written_by_hand_is_defended_like_the_function_of_torch(name):
    by_hand, function = BY_HAND[name]
    original, explained = hidden_units()
    explained = 2 * explained  # some units leave their bounds
    signal = torch.randn(original.shape, generator=torch.Generator().manual_seed(2))
    expected, inside = cut_by_hand(function, original, explained, signal)
    assert not inside.all()
    bounds, _ = record_bounds(WithHead(lambda h: by_hand(h) * signal), original)
    assert sum(bound is not None for bound in bounds.calls) == 1
    leaf = explained.clone().requires_grad_()
    defended = defended_forward(WithHead(lambda h: by_hand(h) * signal), leaf, bounds)
    torch.testing.assert_close(torch.autograd.grad(defended.sum(), leaf)[0], expected, rtol=1e-4, atol=1e-5)


def test_a_gate_of_another_tensor_is_defended_in_its_sigmoid():
    conv = nn.Conv2d(3, 3, 1).requires_grad_(False)
    original, _ = hidden_units()
    bounds, _ = record_bounds(WithHead(lambda h: h * torch.sigmoid(conv(h.mean((2, 3), keepdim=True)))), original)
    assert [bound and bound.name for bound in bounds.calls] == ["sigmoid", None]


def test_attention_is_no_hidden_product():
    query, key, value = (nn.Conv2d(3, 3, 1).requires_grad_(False) for _ in range(3))

    def attend(hidden):
        weights = torch.softmax(query(hidden).flatten(2).mT @ key(hidden).flatten(2) / 3**0.5 + 1, dim=-1)
        return torch.relu(torch.einsum("nij,ncj->nci", weights, value(hidden).flatten(2)).reshape(hidden.shape))

    bounds, _ = record_bounds(WithHead(attend), hidden_units()[0])
    assert [bound and bound.name for bound in bounds.calls] == ["relu"]


HIDDEN = {
    "a custom autograd function": (Doubled.apply, "DoubledBackward"),
    "x * (x > 0)": (lambda x: x * (x > 0), r"compares activations \(gt\)"),
    "where": (lambda x: torch.where(x < 0, 0.1 * x, x), r"compares activations \(lt\)"),
    "sign": (lambda x: x * x.sign(), r"compares activations \(sign\)"),
    "a product of two activations": (lambda x: x * x.flip(2), r"multiplies activations \(mul\)"),
    "a quotient": (lambda x: x / (x.flip(3) + 9), r"multiplies activations \(div\)"),
    "an unknown function": (torch.sinh, "SinhBackward0"),
    "a product with pooled units": (lambda x: x * F.max_pool2d(x, 3, 1, 1), r"multiplies activations \(mul\)"),
    "a product by einsum": (lambda x: torch.einsum("nchw,nchw->nchw", x, x), "(Bmm|Mul)Backward0"),
    "a matrix product": (lambda x: x @ x.mT, "BmmBackward0"),
    "a kernel from the image": (lambda x: F.conv2d(x, x.mean((0, 2, 3)).expand(6, 6)[..., None, None]), "Convolution"),
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("game", ["deletion", "generation"])
def test_a_hidden_nonlinearity_is_an_error_that_names_it(name, game):
    hidden, message = HIDDEN[name]
    model = OneActivation(lambda x: torch.relu(hidden(x)))
    with pytest.raises(ModelError, match=message) as raised:
        FGVis(game=game, lam=1e-4, iterations=2)(model, smooth_images(1, 16))
    assert "\n" not in str(raised.value)
    assert FGVis(game=game, lam=1e-4, iterations=2, defence="none")(model, smooth_images(1, 16)).mask is not None


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
def test_a_scripted_block_is_an_error():
    block = torch.jit.script(nn.Sequential(nn.Conv2d(6, 6, 1), nn.ReLU()))
    model = OneActivation(lambda x: torch.relu(block(x)))
    for _ in range(4):  # scripted functions change their graph while they are profiled
        with pytest.raises(ModelError, match="cannot bound every nonlinearity"):
            FGVis(lam=1e-4, iterations=2)(model, smooth_images(1, 16))
