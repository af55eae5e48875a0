"""VEBI: the fit finds what tells the classes, maps are guided backpropagation of its filters, files are checked."""

from dataclasses import replace

import pytest
import torch
from helpers.networks import smooth_images
from safetensors.torch import load_file, save_file
from torch import nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers.explainer import RankedFilter, concatenate, rows
from retina_xai.explainers.layers import Layer
from retina_xai.explainers.relevance import FilterRelevance, fit_relevance, ranked
from retina_xai.explainers.vebi import VEBI, heat_maps, signals_of
from retina_xai.models.scored_model import scored

RED, GREEN, BLUE = 0, 1, 2


class Channels(nn.Sequential):
    """Filter k of the first layer responds to colour k, filter k of the second to filter 2 - k of the first."""

    def __init__(self):
        first, second = nn.Conv2d(3, 3, 3, stride=2, padding=1), nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            for layer in (first, second):
                layer.weight.zero_()
                layer.bias.zero_()
            for colour in range(3):
                first.weight[colour, colour] = 1
                second.weight[2 - colour, colour] = 1
        head = nn.Linear(3, 3)
        super().__init__(first, nn.ReLU(), second, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
        self.eval()


def squares(colour, place, size=16):
    """A square of one colour on black with a weak grey, (1, 3, size, size)."""
    image = torch.full((1, 3, size, size), 0.05)
    image[0, colour, place : place + 6, place : place + 6] = 1
    return image


@pytest.fixture(scope="module")
def fitted():
    examples = [(squares(colour, place), colour) for place in (2, 5, 8) for colour in (RED, GREEN, BLUE)]
    return VEBI(mu=10, top=2).fitted(Channels(), examples)


def test_the_fit_finds_the_filters_that_tell_the_classes(fitted):
    assert fitted.relevance.classes == (0, 1, 2)
    assert (fitted.relevance.images, fitted.relevance.mu) == (9, 10)
    for colour in (RED, GREEN, BLUE):
        top = {(one.layer, one.filter) for one in fitted.relevance.top(colour, 2)}
        assert top <= {("0", colour), ("2", 2 - colour)}
        assert top
    assert (fitted.relevance.weights.abs().sum(dim=0) <= 10 + 1e-5).all()


def test_the_evidence_is_the_part_that_tells_the_class(fitted):
    model = Channels()
    images = torch.cat([squares(RED, 2).maximum(squares(BLUE, 9)), squares(BLUE, 5)])
    both = fitted(model, images, [BLUE, BLUE])
    blue = fitted(model, images[:1], BLUE)
    torch.testing.assert_close(blue.evidence[0], both.evidence[0])
    assert both.evidence[0, 9:15, 9:15].mean() > 0.6
    assert both.evidence[0, 2:8, 2:8].mean() < 0.1
    assert fitted(model, images[:1], RED).evidence[0, 2:8, 2:8].mean() > 0.6
    assert len(both.filters) == 2
    assert {one.filter for one in both.filters[0] if one.layer == "0"} <= {BLUE}
    assert all(one.value > 0 for filters in both.filters for one in filters)
    assert rows(both, slice(1, 2)).filters == both.filters[1:]
    assert concatenate([both, blue]).filters == (*both.filters, *blue.filters)


def test_the_map_of_a_filter_is_guided_backpropagation_of_half_its_squared_norm():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    image = smooth_images(1, 12)
    model(image)
    leaf = image.clone().requires_grad_()
    inner = model[0](leaf)
    output = model[3](model[2](inner.relu()))[0, 3]
    signal = torch.autograd.grad(output, inner, output.detach())[0]  # the rectifier of the second layer keeps a_k
    (expected,) = torch.autograd.grad(inner, leaf, signal.clamp(min=0))
    with scored(model) as network:
        found = signals_of(network, image, [RankedFilter("2", 3, 1.0)], "none")
    torch.testing.assert_close(found, expected)
    assert found.abs().max() > 0
    heat = expected.clamp(min=0).square().sum(dim=1).sqrt()
    torch.testing.assert_close(heat_maps(found), (heat - heat.min()) / (heat.max() - heat.min()))


def test_the_grid_of_the_strides_is_gone(fitted):
    image = torch.ones(1, 3, 16, 16)
    smooth, grid = (
        replace(fitted, resampled=key)(Channels(), image, BLUE).evidence[0, 3:-3, 3:-3] for key in ("all", "none")
    )
    assert grid.std() > 0.1
    assert smooth.std() < 1e-5


def test_an_image_without_a_relevant_filter_has_no_evidence(fitted):
    weights = -fitted.relevance.weights.abs()
    none = replace(fitted, weights=replace(fitted.relevance, weights=weights))
    result = none(Channels(), squares(RED, 3), RED)
    assert not result.converged.any()
    assert (result.evidence == 0).all()
    assert result.filters == ((),)


def test_the_file_keeps_everything_and_gives_the_same_map(fitted, tmp_path):
    path = tmp_path / "relevance.safetensors"
    fitted.relevance.save(path)
    loaded = FilterRelevance.load(path)
    assert (loaded.layers, loaded.classes, loaded.mu, loaded.images) == (
        fitted.relevance.layers,
        (0, 1, 2),
        10.0,
        9,
    )
    assert torch.equal(loaded.weights, fitted.relevance.weights)
    assert loaded.identity == fitted.relevance.identity
    from_file = replace(fitted, weights=str(path))
    assert from_file.settings() == fitted.settings()
    image = squares(GREEN, 4)
    assert torch.equal(from_file(Channels(), image, GREEN).evidence, fitted(Channels(), image, GREEN).evidence)


def test_unfit_files_are_refused(fitted, tmp_path):
    path = tmp_path / "relevance.safetensors"
    with pytest.raises(ModelError, match="no such file; give the relevance.safetensors that fit-vebi wrote"):
        FilterRelevance.load(path)
    fitted.relevance.save(path)
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(ModelError, match="not readable as relevance of filters"):
        FilterRelevance.load(path)
    path.write_bytes(content.replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    with pytest.raises(ModelError, match="format 9, this version reads 1; fit it again"):
        FilterRelevance.load(path)
    path.write_bytes(content)
    save_file(load_file(path), path)
    with pytest.raises(ModelError, match="not readable as relevance of filters"):
        FilterRelevance.load(path)
    replace(fitted.relevance, weights=torch.full((6, 3), torch.nan)).save(path)
    with pytest.raises(ModelError, match="that do not fit its layers; fit it again"):
        FilterRelevance.load(path)


def test_other_networks_and_classes_are_refused(fitted):
    other = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    with pytest.raises(
        ModelError, match="has 1 layers with 2 filters, the relevance was fitted to 2 layers with 6, or"
    ):
        fitted(other, squares(RED, 3), RED)
    some = VEBI().fitted(Channels(), [(squares(RED, 3), RED)])
    with pytest.raises(UsageError, match="no relevance of filters for class 2: the 1 fitted classes are those of the"):
        some(Channels(), squares(RED, 3), BLUE)
    with pytest.raises(InputError, match="2 images and 1 labels"):
        fit_relevance([Layer("a", 2, True)], [torch.ones(2), torch.ones(2)], [0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top": 0}, "top 0, mu 10: give at least 1 filter"),
        ({"mu": -1.0}, "top 3, mu -1: give at least 1 filter and a positive bound"),
        ({"resampled": "some"}, "unknown resampled 'some': choose one of all, convolutions, none"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        VEBI(**settings)


def test_filters_are_ranked_by_value_and_only_positive_ones_count():
    layers = [Layer("a", 2, True), Layer("b", 3, True)]
    values = torch.tensor([0.5, -2.0, 0.5, 0.0, 3.0])
    expected = [RankedFilter("b", 2, 3.0), RankedFilter("a", 0, 0.5), RankedFilter("b", 0, 0.5)]
    assert ranked(values, layers, 5) == expected
    assert ranked(values, layers, 2) == expected[:2]
