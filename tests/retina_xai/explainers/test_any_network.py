"""Every explainer on networks of every kind of output, head and input: the score of plain torch, or an exact error."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.fitting import FittedFirst, needs_fit
from helpers.heads import OUTPUTS, SIGMOIDS, SINGLE, SOFTMAXES, Body, Headed
from helpers.networks import smooth_images
from torch import nn

from retina_xai.errors import InputError, ModelError, UsageError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.occlusion import Occlusion
from retina_xai.explainers.registry import EXPLAINERS
from retina_xai.explainers.retina import RetinaFGVis

GAME = {"lam": 1e-4, "lr": 0.1, "iterations": 4}
QUICK = {
    "class-model": {"iterations": 3},
    "fgvis": GAME,
    "fgvis-undefended": GAME,
    "integrated-gradients": {"points": 4},
    "lime": {"samples": 24, "segments": 9},
    "occlusion": {"window": 0.5, "stride": 0.25},
    "retina": {"game": FGVis(**GAME)},
    "retina-undefended": {"game": FGVis(**GAME, defended=False)},
    "rise": {"masks": 12, "cells": 3},
    "smooth-grad": {"samples": 3},
}
EVERY = pytest.mark.parametrize("name", EXPLAINERS)
IMAGES = smooth_images(1, 16)[..., :12].double()
PROTOCOLS = {"retina", "retina-undefended"}


def explainer(name, **settings):
    made = replace(EXPLAINERS[name].factory(), **QUICK.get(name, {}), **settings)
    return FittedFirst(made) if needs_fit(made) else made


def same(result, expected):
    """Whether two explanations are equal up to rounding."""
    torch.testing.assert_close(result.score_before, expected.score_before)
    torch.testing.assert_close(result.score_after, expected.score_after, equal_nan=True)
    torch.testing.assert_close(result.evidence, expected.evidence, atol=1e-6, rtol=1e-6)
    assert torch.equal(result.target, expected.target)
    assert torch.equal(result.converged, expected.converged)
    return expected.evidence.std() > 0


@EVERY
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_gives_the_explanation_of_its_logits(name, output):
    body = Body()
    result = explainer(name)(Headed(body, OUTPUTS[output]), IMAGES, 2)
    assert same(result, explainer(name)(body, IMAGES, 2))
    torch.testing.assert_close(result.score_before, body(IMAGES).softmax(dim=1)[:, 2].detach())


@EVERY
@pytest.mark.parametrize("output", SINGLE)
def test_a_head_with_one_logit_has_the_sigmoid_score_of_class_zero(name, output):
    body = Body(classes=1)
    model = Headed(body, SINGLE[output])
    result = explainer(name, score="sigmoid")(model, IMAGES)
    assert same(result, explainer(name, score="sigmoid")(body, IMAGES, 0))
    torch.testing.assert_close(result.score_before, body(IMAGES).sigmoid()[:, 0].detach())
    with pytest.raises(ModelError, match="Headed returns one logit per image, whose softmax is always 1: give score='"):
        explainer(name)(model, IMAGES)


@EVERY
@pytest.mark.parametrize("head", SIGMOIDS)
@pytest.mark.parametrize("classes", [1, 14])
def test_a_sigmoid_at_the_end_is_taken_as_it_is(name, head, classes):
    body = Body(classes)
    model = Headed(body, SIGMOIDS[head])
    result = explainer(name, score="sigmoid")(model, IMAGES, classes - 1)
    assert same(result, explainer(name, score="sigmoid")(body, IMAGES, classes - 1))
    torch.testing.assert_close(result.score_before, body(IMAGES).sigmoid()[:, -1].detach())
    message = (
        "returns one logit" if classes == 1 else r"Headed ends in (log-)?sigmoid, which score='softmax' would apply"
    )
    with pytest.raises(ModelError, match=f"{message}.*give score='sigmoid'"):
        explainer(name)(model, IMAGES)


@EVERY
@pytest.mark.parametrize("head", SOFTMAXES)
def test_a_softmax_at_the_end_is_not_applied_twice(name, head):
    body = Body()
    model = Headed(body, SOFTMAXES[head])
    result = explainer(name)(model, IMAGES)
    assert same(result, explainer(name)(Headed(body, lambda z: z.log_softmax(dim=1)), IMAGES))
    torch.testing.assert_close(result.score_before, body(IMAGES).softmax(dim=1).amax(dim=1).detach())
    with pytest.raises(
        ModelError, match=r"Headed ends in (log-)?softmax, which score='sigmoid' would apply wrongly: giv"
    ):
        explainer(name, score="sigmoid")(model, IMAGES)


@EVERY
@pytest.mark.parametrize("score", ["logit", "function"])
def test_scores_without_a_range(name, score):
    def margin(logits, classes):
        return logits.gather(1, classes[:, None])[:, 0] - logits.mean(dim=1)

    given = margin if score == "function" else score
    if name in PROTOCOLS:
        with pytest.raises(UsageError, match="evidence by a score in"):
            explainer(name, score=given)
        return
    body = Body()
    result = explainer(name, score=given)(body, IMAGES)
    logits = body(IMAGES).detach()
    likely = logits.argmax(dim=1)
    expected = margin(logits, likely) if score == "function" else logits[:, likely.item()]
    torch.testing.assert_close(result.score_before, expected)
    assert result.settings["score"] == (margin.__qualname__ if score == "function" else "logit")
    assert 0 <= result.evidence.min() <= result.evidence.max() <= 1
    # here, nothing speaks against the most likely class
    assert (result.evidence.max() > 0) == ((name, score) != ("counterfactual-grad-cam", "function"))


@EVERY
def test_a_network_without_gradients_is_for_methods_that_need_none(name):
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = Body()

        def forward(self, images):
            with torch.no_grad():
                return self.body(images).softmax(dim=1)

    if EXPLAINERS[name].category in ("perturbation", "control"):
        result = explainer(name)(Hidden(), IMAGES)
        torch.testing.assert_close(result.score_before, Hidden()(IMAGES).amax(dim=1))
    else:
        with pytest.raises(ModelError, match="Hidden gives no gradient .*: use occlusion, rise or lime"):
            explainer(name)(Hidden(), IMAGES)


@EVERY
@pytest.mark.parametrize(
    ("head", "message"),
    [
        (lambda z: (z, torch.cat([z, z], dim=1)), "several tensors can be the logits; return a mapping with 'logits'"),
        (lambda z: {"a": z, "b": z}, r"returned dict with 'a': \(1, 4\), 'b': \(1, 4\) for 1 images: it must return"),
        (lambda z: (z.sum(), z.mean()), r"^Headed returned tuple of \(\), \(\) for 1 images"),
        (lambda z: None, r"^Headed returned NoneType for 1 images: it must return logits \(N, classes\)"),
        (lambda z: z[0], r"^Headed returned \(4,\) for 1 images"),
        (
            lambda z: torch.cat([z.sigmoid(), z], dim=1),
            "ends in mixed, which score='softmax' .*: give a function as the",
        ),
    ],
)
def test_outputs_that_are_not_clear_are_refused(name, head, message):
    with pytest.raises(ModelError, match=message):
        explainer(name)(Headed(Body(), head), IMAGES)


@EVERY
def test_what_is_no_module_or_tensor_is_refused_in_one_line(name):
    with pytest.raises(ModelError, match=r"^the model is a function, expected a torch module: call it in the forward"):
        explainer(name)(lambda images: images.mean(dim=(2, 3)), IMAGES)
    with pytest.raises(ModelError, match="the model is a ndarray, expected a torch module"):
        explainer(name)(np.zeros(3), IMAGES)
    with pytest.raises(InputError, match=r"^images are a ndarray, expected a torch tensor: use torch.from_numpy$"):
        explainer(name)(Body(), IMAGES.numpy())
    with pytest.raises(UsageError, match="unknown score 'odds': choose one of softmax, sigmoid, logit, or give a func"):
        explainer(name, score="odds")
    with pytest.raises(
        UsageError, match=r"the score function returned \(1, 4\) for 1 images: return one value for each"
    ):
        explainer("random", score=lambda logits, classes: logits)(Body(), IMAGES)


@EVERY
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("sides", [(10, 21), (24, 9)])
def test_any_number_of_channels_and_sides(name, channels, sides):
    body, images = Body(channels=channels), torch.randn(2, channels, *sides).double()
    result = explainer(name)(body, images)
    assert result.evidence.shape == (2, *sides)
    assert result.evidence.flatten(1).std(dim=1).min() > 0
    torch.testing.assert_close(result.score_before, body(images).softmax(dim=1).amax(dim=1).detach())


@EVERY
def test_volumes(name):
    body = Body(channels=1, dimensions=3)
    images = torch.randn(2, 1, 7, 9, 11, generator=torch.Generator().manual_seed(1)).double()
    if name in PROTOCOLS:
        with pytest.raises(
            InputError, match=r"shape \(2, 1, 7, 9, 11\): the retina protocol takes \(N, C, H, W\) only"
        ):
            explainer(name)(body, images)
        return
    result = explainer(name)(body, images)
    assert result.evidence.shape == (2, 7, 9, 11)
    assert result.evidence.flatten(1).std(dim=1).min() > 0
    torch.testing.assert_close(result.score_before, body(images).softmax(dim=1).amax(dim=1).detach())
    one = explainer(name)(body, images[1:])
    torch.testing.assert_close(one.evidence, result.evidence[1:])


@pytest.mark.parametrize("name", [name for name in EXPLAINERS if name not in {*PROTOCOLS, "rise"}])
def test_a_volume_of_one_plane_is_explained_as_the_plane(name):
    # RISE's grids have more than one cell in every axis.
    flat, thick = Body(channels=1), Body(channels=1, dimensions=3, kernel=(1, 3, 3))
    thick.load_state_dict(
        {key: value.reshape(thick.state_dict()[key].shape) for key, value in flat.state_dict().items()}
    )
    images = torch.randn(1, 1, 12, 15, generator=torch.Generator().manual_seed(1)).double()
    plane, volume = explainer(name)(flat, images), explainer(name)(thick, images[:, :, None])
    torch.testing.assert_close(volume.evidence[:, 0], plane.evidence)
    torch.testing.assert_close(volume.score_after, plane.score_after, equal_nan=True)


@EVERY
@pytest.mark.slow
def test_densenet121_of_volumes(name):
    from monai.networks.nets import DenseNet121

    torch.manual_seed(0)
    model = DenseNet121(spatial_dims=3, in_channels=1, out_channels=2).eval()
    images = torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(1))
    if name in PROTOCOLS:
        with pytest.raises(InputError, match="the retina protocol takes"):
            explainer(name)(model, images)
        return
    if name == "cam":
        with pytest.raises(ModelError, match="DenseNet121 averages maps of a single pixel: CAM needs larger images"):
            explainer(name)(model, images)
        return
    result = explainer(name)(model, images)
    assert result.evidence.shape == (1, 32, 32, 32)
    assert result.evidence.std() > 0
    torch.testing.assert_close(result.score_before, model(images).softmax(dim=1).amax(dim=1).detach())


def test_the_figures_that_were_wrong():
    """One logit had the score 1 and no occlusion; 0.953 became 0.47; a softmax was applied twice."""

    class Constant(nn.Module):
        def __init__(self, outputs, end=None):
            super().__init__()
            self.outputs, self.end = nn.Parameter(torch.tensor([outputs])), end or nn.Identity()

        def forward(self, images):
            return self.end(self.outputs * images.mean(dim=(1, 2, 3))[:, None])

    images = torch.ones(1, 3, 8, 8)
    findings = Constant([3.01, *[0.556] * 13])
    occlusion = Occlusion(score="sigmoid")
    assert Occlusion()(findings, images).score_before.item() == pytest.approx(0.47, abs=0.005)
    assert occlusion(findings, images).score_before.item() == pytest.approx(0.953, abs=0.0005)
    inside = Constant([3.01, *[0.556] * 13], nn.Sigmoid())
    assert occlusion(inside, images).score_before.item() == pytest.approx(0.953, abs=0.0005)
    one = occlusion(Constant([2.0]), images)
    assert one.score_before.item() == pytest.approx(torch.tensor(2.0).sigmoid().item())
    assert one.evidence.max() == 1
    softmaxed = Constant([2.197, 0.0], nn.Softmax(dim=1))
    assert Occlusion()(softmaxed, images).score_before.item() == pytest.approx(0.9, abs=0.0005)


@pytest.mark.parametrize("game", ["preservation", "generation", "deletion", "repression"])
@pytest.mark.parametrize("sigmoid_inside", [False, True])
def test_a_game_on_findings_ends_where_the_finding_appears_or_disappears(game, sigmoid_inside):
    body = Body(classes=14)
    logits = body(IMAGES)[0]
    finding = int(logits.sub(1.0).abs().argmin())
    model = Headed(body, torch.sigmoid) if sigmoid_inside else body
    result = FGVis(game=game, lam=1e-9, iterations=60, defence="none", score="sigmoid")(model, IMAGES, finding)
    after = body(result.explained).sigmoid()[:, finding]
    torch.testing.assert_close(result.score_after, after.detach())
    assert bool(result.converged) == ((after >= 0.5).item() == (game in {"preservation", "generation"}))


def test_the_sigmoid_at_the_end_is_not_defended():
    # Toward a class that the image does not have, a bound of the final sigmoid would cut the whole gradient.
    body = Body(classes=14)
    absent = int(body(IMAGES).argmin())
    settings = {"game": "generation", "lam": 1e-9, "iterations": 10, "score": "sigmoid"}
    inside = FGVis(**settings)(Headed(body, torch.sigmoid), IMAGES, absent)
    assert same(inside, FGVis(**settings)(body, IMAGES, absent))


def test_stops_and_the_game_of_the_protocol():
    with pytest.raises(UsageError, match="stop_score and stop_ratio with score 'logit', which has no range"):
        FGVis(score="logit", stop_score=0.5)
    with pytest.raises(UsageError, match="score 'sigmoid' of the game: give it to the retina protocol instead"):
        RetinaFGVis(FGVis(score="sigmoid"))
    assert RetinaFGVis(score="sigmoid").settings()["score"] == "sigmoid"


def test_a_blur_of_volumes_is_refused():
    with pytest.raises(UsageError, match="blur them yourself and give the tensor"):
        FGVis(reference="blur")(Body(channels=1, dimensions=3), torch.zeros(1, 1, 7, 9, 11).double())
