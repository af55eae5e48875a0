"""Deletion curves and trust of volumes and of other heads, against plain torch and the same image as a plane."""

import pytest
import torch
from helpers.heads import Body, Headed

from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.gradients import Saliency
from retina_xai.metrics.deletion import CurveSettings, removal_curve
from retina_xai.metrics.stability import stability
from retina_xai.metrics.trust import TrustSettings, sufficiency, trust

IMAGE = torch.randn(1, 9, 11, generator=torch.Generator().manual_seed(2)).double()
VOLUME = torch.randn(1, 7, 9, 11, generator=torch.Generator().manual_seed(2)).double()


def flat_and_thick():
    flat, thick = Body(channels=1), Body(channels=1, dimensions=3, kernel=(1, 3, 3))
    state = thick.state_dict()
    thick.load_state_dict({key: value.reshape(state[key].shape) for key, value in flat.state_dict().items()})
    return flat, thick


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_the_curve_of_a_volume_of_one_plane_is_that_of_the_plane(mode):
    flat, thick = flat_and_thick()
    evidence = IMAGE[0].abs()
    plane = removal_curve(flat, IMAGE, evidence, 2, CurveSettings(mode))
    volume = removal_curve(thick, IMAGE[:, None], evidence[None], 2, CurveSettings(mode))
    assert volume.scores == pytest.approx(plane.scores)
    assert volume.fractions.tolist() == plane.fractions.tolist()


@pytest.mark.parametrize("explain", [FGVis(lam=1e-4, iterations=3), Saliency()], ids=["mask", "no mask"])
@pytest.mark.parametrize("placement", ["moved", "scattered"])
def test_trust_of_a_volume(explain, placement):
    model = Body(channels=1, dimensions=3)
    result = explain(model, VOLUME[None])
    judged = trust(model, VOLUME, result, TrustSettings(random_masks=3, placement=placement, seeds=(1,)), explain)
    assert judged.score == pytest.approx(result.score_before.item())
    assert judged.random_complement_low <= judged.random_complement <= judged.random_complement_high
    assert 0 < judged.area < 1
    stable = stability(model, VOLUME, result, explain)
    assert stable.noise_correlation > 0.9


@pytest.mark.parametrize("inside", [False, True])
def test_trust_and_sufficiency_use_the_score_of_the_explanation(inside):
    body = Body(classes=14, channels=1)
    model = Headed(body, torch.sigmoid) if inside else body
    result = FGVis(lam=1e-4, iterations=3, score="sigmoid")(model, IMAGE[None], 5)
    judged = trust(model, IMAGE, result, TrustSettings(random_masks=1, seeds=()))
    kept = 1 - result.mask
    alone = body(kept * IMAGE).sigmoid()[0, 5].item()
    assert judged.score == pytest.approx(body(IMAGE[None]).sigmoid()[0, 5].item())
    assert judged.alone == pytest.approx(alone)
    assert sufficiency(model, IMAGE, result) == pytest.approx(alone)
    assert judged.complement == pytest.approx(result.score_after.item())
    curve = removal_curve(model, IMAGE, result.evidence[0], 5, CurveSettings(score="sigmoid"))
    assert curve.original == pytest.approx(judged.score)
