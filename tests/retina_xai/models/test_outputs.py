"""The logits of any output, and the end of any network, eager, scripted, traced or compiled."""

import pytest
import torch
from helpers.heads import OUTPUTS, SIGMOIDS, SINGLE, SOFTMAXES, Body, Headed
from torch import nn

from retina_xai.errors import ModelError
from retina_xai.games.defence import record_bounds
from retina_xai.models.outputs import ending_of, logits_of
from retina_xai.models.scored_model import scored

Z = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.2, -0.7]])


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("images", [1, 2])
def test_logits_of_every_output(output, images):
    assert torch.equal(logits_of(OUTPUTS[output](Z[:images]), images, "Net"), Z[:images])


@pytest.mark.parametrize("output", sorted(SINGLE.keys() - {"single value"}))
@pytest.mark.parametrize("images", [1, 2])
def test_one_logit_per_image(output, images):
    assert torch.equal(logits_of(SINGLE[output](Z[:images, :1]), images, "Net"), Z[:images, :1])


@pytest.mark.parametrize(
    "output",
    [
        torch.zeros(3, 4),
        torch.zeros(2, 0),
        torch.zeros(2, 4, 1, 3),
        torch.tensor(1.0),
        {"a": Z, "b": Z},
        {"logits": None},
        (),
        (Z.sum(), Z.sum()),
        (Z, Z[:, :2]),
        "text",
    ],
)
def test_other_outputs_are_one_line(output):
    with pytest.raises(ModelError, match="^Net returned ") as caught:
        logits_of(output, 2, "Net")
    assert "\n" not in str(caught.value)


class Ending(nn.Module):
    """A network that can be scripted."""

    def __init__(self, end):
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.linear, self.end = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), end

    def forward(self, images):
        return self.end(4 * self.linear(torch.relu(self.convolution(images)).mean((2, 3))))


def compiled(model, images):
    return torch.compile(model, backend="aot_eager")


WAYS = {"scripted": lambda model, images: torch.jit.script(model), "traced": torch.jit.trace, "compiled": compiled}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "way", [*(way for way in WAYS if way != "compiled"), pytest.param("compiled", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("end", [nn.Softmax(dim=1), nn.Sigmoid(), nn.Identity()])
def test_the_end_of_networks_without_readable_graphs(way, end):
    images = torch.randn(1, 3, 12, 12)
    plain = Ending(end).eval()
    model = WAYS[way](plain, images)
    for _ in range(3):
        model(images.clone().requires_grad_()).sum().backward()  # scripted networks are optimised after some passes
    score = "sigmoid" if isinstance(end, nn.Sigmoid) else "softmax"
    with scored(model, score) as network, torch.no_grad():
        values = network.score.table(network(images))
    expected = plain(images).softmax(dim=1) if isinstance(end, nn.Identity) else plain(images)
    torch.testing.assert_close(values, expected.detach())
    if score == "sigmoid":
        with pytest.raises(ModelError, match="ends in sigmoid"), scored(model) as network:
            network(images)


def test_logits_that_look_like_probabilities_once_are_logits():
    class Difference(nn.Module):
        def forward(self, images):
            score = images.mean(dim=(1, 2, 3))
            return torch.stack([score, torch.zeros_like(score)], dim=1)

    images = torch.ones(2, 3, 4, 4)
    assert Difference()(images).sum(dim=1).tolist() == [1, 1]
    for recorded in (False, True):
        with scored(Difference()) as network:
            assert network(images.clone().requires_grad_(recorded)).tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize("seed", range(20))
def test_small_logits_of_untrained_networks_are_logits(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    with torch.no_grad():
        model[-1].weight /= 10
        model[-1].bias[:] = 0.4
    images = torch.randn(1, 3, 16, 16)
    assert 0 < model(images).min() < model(images).max() < 1
    with scored(model) as network, torch.no_grad():
        torch.testing.assert_close(network(images), model(images))


def test_outputs_that_never_change_are_logits():
    class Unmoved(nn.Module):
        def forward(self, images):
            return 0 * images.mean(dim=(2, 3))

    with scored(Unmoved()) as network:
        assert network.score.value(network(torch.ones(1, 2, 4, 4)), torch.tensor([0])).item() == 0.5


@pytest.mark.parametrize("head", [*SOFTMAXES.values(), *SIGMOIDS.values()])
@pytest.mark.parametrize("recorded", [False, True])
def test_the_probes_are_not_seen_by_an_observer_of_the_pass_and_leave_nothing(head, recorded):
    body = Body().requires_grad_(False)
    model, images = Headed(body, head), torch.randn(2, 3, 12, 12).double()
    score = "sigmoid" if head in SIGMOIDS.values() else "softmax"
    plain, _ = record_bounds(body, images)
    with scored(model, score) as network:
        if not recorded:
            network(images)
        bounds, _ = record_bounds(network, images)
    held = [bound for bound in bounds.calls if bound is not None]
    assert [bound.name for bound in held] == [bound.name for bound in plain.calls]
    assert all(torch.equal(one.upper, other.upper) for one, other in zip(held, plain.calls, strict=True))
    assert not model._forward_hooks
    assert list(model.children()) == [body]


def test_the_first_pass_with_a_gradient_costs_no_other():
    passes = []
    body = Body()
    body.register_forward_hook(lambda *_: passes.append(torch.is_grad_enabled()))
    images = torch.randn(2, 3, 12, 12).double()
    with scored(body) as network:
        network(images.clone().requires_grad_())
        network(images)
    assert len(passes) == 2
    with scored(body) as network, torch.no_grad():
        network(images)
    assert passes[2:] == [True, False]


def test_endings_behind_views_clamps_and_concatenations():
    z = Z.clone().requires_grad_()
    assert ending_of((2 * z).sigmoid()[:, :2].clamp(0.1, 0.9)) == "sigmoid"
    assert ending_of(torch.cat([z.sigmoid(), 2 * z], dim=1)) == "mixed"
    assert ending_of(z.log_softmax(dim=1)[:, [0, 2]]) == "log-softmax"
    assert ending_of(2 * z.sigmoid()) == ending_of(Z) == "logits"
