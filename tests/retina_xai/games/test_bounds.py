"""The gradient at one call equals the rule, written with `torch.where`, at every unit, also exactly at its bounds."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from retina_xai.games.bounds import Bound, bounded_rectifier
from retina_xai.games.defence import defended_forward, record_bounds


def values(seed, count=4000):
    """Numbers of many sizes, both signs and zeros."""
    generator = torch.Generator().manual_seed(seed)
    sizes = 10 ** torch.empty(count).uniform_(-20, 2, generator=generator)
    signs = torch.randint(-1, 2, (count,), generator=generator)
    return (sizes * signs).reshape(1, -1)


def neighbours(bound, seed):
    """Outputs: some free, some exactly at the bound, some one step of rounding above or below it.

    Beside 0, that step is twice the smallest normal number; up to that number counts as 0.
    """
    kind = torch.randint(0, 4, bound.shape, generator=torch.Generator().manual_seed(seed))
    smallest = 2 * torch.finfo(bound.dtype).tiny
    steps = {end: torch.nextafter(bound, torch.full_like(bound, end)) for end in (math.inf, -math.inf)}
    above, below = (torch.where(bound == 0, math.copysign(smallest, end), stepped) for end, stepped in steps.items())
    return torch.stack([values(seed), bound, above, below]).gather(0, kind[None])[0]


def case(two_sided):
    image = values(0)
    bound = Bound("some", image.clamp(min=0), image.clamp(max=0) if two_sided else None)
    edge = torch.where(torch.rand(image.shape, generator=torch.Generator().manual_seed(9)) < 0.5, bound.upper, image)
    return bound, neighbours(edge, 1), values(2)


@pytest.mark.parametrize("two_sided", [False, True])
def test_a_cut_passes_the_gradient_within_the_bounds_only(two_sided):
    bound, output, gradient = case(two_sided)
    passed = bound.cut(output)(gradient)
    inside = bound.holds(output)
    assert 0.2 < inside.float().mean() < 0.8
    assert torch.equal(passed, torch.where(inside, gradient, 0))


@pytest.mark.parametrize("two_sided", [False, True])
def test_a_one_sided_cut_takes_only_what_would_move_a_unit_further_out(two_sided):
    bound, output, gradient = case(two_sided)
    outwards = (output > bound.upper) & (gradient < 0)
    if two_sided:
        outwards |= (output < bound.lower) & (gradient > 0)
    before = gradient.clone()
    assert torch.equal(bound.one_sided_cut(output)(gradient), torch.where(outwards, 0, gradient))
    assert torch.equal(gradient, before)
    assert 0.05 < outwards.float().mean() < 0.6


RECTIFIERS = {
    "relu": (functional.relu, math.inf),
    "relu_": (torch.relu_, math.inf),
    "relu6": (functional.relu6, 6.0),
    "hardtanh_": (nn.Hardtanh(0, 2.5, inplace=True), 2.5),
}


@pytest.mark.parametrize("name", RECTIFIERS)
def test_a_bounded_rectifier_is_the_function_with_a_cut_gradient(name):
    function, ceiling = RECTIFIERS[name]
    upper = (3 * values(3)).clamp(0, 12)
    image = neighbours(torch.where(values(6) > 1, min(ceiling, 1.0), upper), 4)
    gradient = values(5)
    bound = Bound(name, upper, None, ceiling)

    def run(wrap):
        leaf = image.clone().requires_grad_()
        output = wrap(leaf * 1)
        return output.detach().clone(), torch.autograd.grad(output, leaf, gradient)[0]

    output, found = run(lambda tensor: bounded_rectifier(tensor, lambda: function(tensor), bound))
    plain_output, plain = run(function)
    assert torch.equal(output, plain_output)
    assert torch.equal(found, torch.where(bound.holds(output), plain, 0))
    assert (found != plain).any()
    assert found.any()


def test_a_layer_that_is_zero_for_the_image_passes_no_gradient():
    image = torch.tensor([[0.0, -1.0, 2.0, 1e-30]], requires_grad=True)
    bound = Bound("relu", torch.zeros(1, 4), None, math.inf)
    bounded_rectifier(image, lambda: torch.relu(image), bound).sum().backward()
    assert image.grad.tolist() == [[0, 0, 0, 0]]


def test_a_rectifier_needs_the_recorded_ceiling_and_shape():
    bound = Bound("relu6", torch.ones(1, 4), None, 6.0)
    assert bound.rectifies(torch.zeros(1, 4), 6.0)
    assert not bound.rectifies(torch.zeros(1, 4), math.inf)
    assert not bound.rectifies(torch.zeros(1, 4), None)
    assert not bound.rectifies(torch.zeros(1, 5), 6.0)
    assert not Bound("silu", torch.ones(1, 4), None).rectifies(torch.zeros(1, 4), None)


class PartlyRectified(nn.Module):
    """ReLU of the first half of the channels, in place on a view or not."""

    def __init__(self, in_place):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3)
        self.in_place = in_place

    def forward(self, image):
        features = self.convolution(image)
        if self.in_place:
            features[:, :4].relu_()
        else:
            features = torch.cat([features[:, :4].relu(), features[:, 4:]], dim=1)
        return features.mean((2, 3))


def test_a_rectifier_of_a_part_of_a_tensor_can_work_in_place():
    torch.manual_seed(0)
    views = PartlyRectified(True).eval().requires_grad_(False)
    copies = PartlyRectified(False).eval().requires_grad_(False)
    copies.load_state_dict(views.state_dict())
    image = torch.randn(2, 3, 12, 12)
    gradients = []
    for model in (views, copies):
        bounds, _ = record_bounds(model, image)
        explained = image.flip(3).requires_grad_()
        logits = defended_forward(model, explained, bounds)
        gradients.append(torch.autograd.grad(logits[:, 0].sum(), explained)[0])
    assert torch.equal(*gradients)
    plain = torch.autograd.grad(copies(explained)[:, 0].sum(), explained)[0]
    assert not torch.equal(gradients[0], plain)


def test_rows_keep_the_ceiling():
    bound = Bound("relu", torch.arange(8.0).reshape(4, 2), None, math.inf)
    kept = bound.rows(torch.tensor([False, True]), 2)
    assert kept.upper.tolist() == [[4, 5], [6, 7]]
    assert kept.ceiling == math.inf
