"""Faithfulness, seed sensitivity and randomisation test against closed forms, for a score linear in the pixels."""

import json
import math

import pytest
import torch
from helpers.linear_score import FLOOR, LinearScore, weights
from helpers.networks import TinyNet, smooth_images
from torch import nn

from retina_xai.errors import InputError, UsageError
from retina_xai.explainers.explainer import Explanation
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.random_map import RandomMap
from retina_xai.explainers.rise import RISE
from retina_xai.games.game import GAMES
from retina_xai.games.references import GaussianNoise
from retina_xai.metrics.trust import (
    PLACEMENTS,
    TrustSettings,
    evidence_share,
    randomised,
    rank_correlation,
    sufficiency,
    trust,
)

WEIGHT = weights(12, 10)
IMAGE = torch.ones(3, 12, 10).double()


def explanation(evidence=WEIGHT, mask=None, **fields):
    one = torch.ones(1)
    figures = (torch.zeros(1).long(), one, one, one.long(), one, one.bool())
    mask = None if mask is None else mask[None]
    return Explanation(evidence[None], evidence[None, None], *figures, {}, mask, **fields)


def judged(made=None, **settings):
    return trust(LinearScore(WEIGHT), IMAGE, made or explanation(), TrustSettings(**settings))


def test_sufficiency_shows_the_top_pixels_and_comprehensiveness_the_others():
    found = judged(fraction=0.25)
    top = WEIGHT.flatten().sort(descending=True).values[:30].sum().item()
    assert found.area == 0.25
    assert found.score == pytest.approx(FLOOR + 0.8)
    assert found.alone == pytest.approx(FLOOR + top)
    assert found.complement == pytest.approx(FLOOR + 0.8 - top)


@pytest.mark.parametrize("polarity", ["keeps", "removes"])
def test_the_polarity_decides_which_part_of_the_mask_is_evidence(polarity):
    mask = torch.rand(3, 12, 10, generator=torch.Generator().manual_seed(0)).double()
    share = mask if polarity == "keeps" else 1 - mask
    found = judged(explanation(mask=mask, polarity=polarity))
    assert found.area == pytest.approx(share.mean().item())
    assert found.alone == pytest.approx(FLOOR + (share.mean(dim=0) * WEIGHT).sum().item())
    assert found.alone + found.complement == pytest.approx(2 * FLOOR + 0.8)


@pytest.mark.parametrize("game", GAMES)
def test_the_share_of_each_game_is_its_evidence_by_channel(game):
    model, image = TinyNet().eval(), smooth_images(1, 16)
    made = FGVis(game, lam=1e-4, iterations=3)(model, image)
    assert made.polarity == {"deletion": "removes", "repression": "removes"}.get(game, "keeps")
    share = evidence_share(made, image[0], TrustSettings())
    torch.testing.assert_close(share.mean(dim=0), made.evidence[0])


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_random_evidence_has_the_same_area_and_values_elsewhere(placement):
    mask = torch.rand(3, 12, 10, generator=torch.Generator().manual_seed(0)).double() ** 6
    generator = torch.Generator().manual_seed(1)
    drawn = [PLACEMENTS[placement](mask, generator) for _ in range(400)]
    for other in drawn[:5]:
        assert not torch.equal(other, mask)
        assert torch.equal(other.flatten(1).sort(dim=1).values, mask.flatten(1).sort(dim=1).values)
        # the channels of a pixel stay together
        assert set(map(tuple, other.flatten(1).T.tolist())) == set(map(tuple, mask.flatten(1).T.tolist()))
    # all places are equally likely
    mean = torch.stack(drawn).mean(dim=(0, 1))
    assert (mean - mask.mean()).abs().max() < 0.05


def test_moved_evidence_keeps_its_blobs_and_scattered_evidence_does_not():
    mask = torch.zeros(1, 20, 20)
    mask[:, 5:9, 5:9] = 1
    around = {}
    for name, place in PLACEMENTS.items():
        other = place(mask, torch.Generator().manual_seed(0))
        around[name] = ((other != other.roll(1, 1)).sum() + (other != other.roll(1, 2)).sum()).item()
    assert around["moved"] == 16
    assert around["scattered"] > 40


def test_faithful_evidence_is_better_than_all_random_masks_and_random_evidence_is_not():
    good, bad = judged(fraction=0.2), judged(explanation(RandomMap()(TinyNet(), IMAGE[None].float()).evidence[0]))
    assert good.complement < good.random_complement_low < good.random_complement < good.random_complement_high
    assert good.alone > good.random_alone_high > good.random_alone > good.random_alone_low
    assert bad.random_alone_low - 0.05 < bad.alone < bad.random_alone_high + 0.05
    # for a linear score, a random mask contains on average its share of the weight
    many = judged(fraction=0.2, random_masks=400, placement="scattered")
    assert many.random_alone == pytest.approx(FLOOR + 0.2 * 0.8, abs=0.01)
    assert many.random_complement == pytest.approx(FLOOR + 0.8 * 0.8, abs=0.01)


def test_the_reference_is_that_of_the_explanation_unless_given():
    share = torch.full((3, 12, 10), 0.5).double()
    noisy = {"polarity": "keeps", "reference": "noise", "seed": 3}
    zero = judged(explanation(mask=share, polarity="keeps"))
    own = judged(explanation(mask=share, **noisy))
    given = judged(explanation(mask=share, **noisy), reference=torch.ones(3, 1, 1))
    assert own.alone != pytest.approx(zero.alone, abs=1e-6)
    assert given.alone == pytest.approx(given.score)
    for reference in (torch.ones(1, 3, 12, 10), lambda images, seed: torch.ones_like(images)):
        assert judged(explanation(mask=share, polarity="keeps", reference=reference)).alone == given.alone


def test_reference_noise_has_the_seed_of_the_explanation():
    share = torch.full((3, 12, 10), 0.5).double()
    noise = GaussianNoise()(IMAGE[None], 3)[0]
    expected = FLOOR + ((0.5 * IMAGE + 0.5 * noise).mean(dim=0) * WEIGHT).sum().item()
    own = judged(explanation(mask=share, polarity="keeps", reference="noise", seed=3), seed=8)
    assert own.alone == pytest.approx(expected)
    given = judged(explanation(mask=share, polarity="keeps", seed=8), reference="noise", seed=3)
    assert given.alone == pytest.approx(expected)
    unseeded = judged(explanation(mask=share, polarity="keeps", reference="noise"), seed=3)
    assert unseeded.alone == pytest.approx(expected)


def test_seed_sensitivity_of_a_stable_method_and_of_noise():
    model, image = TinyNet().eval(), smooth_images(1, 40)
    noise = RandomMap(0)
    found = trust(model, image[0], noise(model, image), TrustSettings(seeds=(1, 2, 3)), noise)
    assert found.seed_correlation == pytest.approx(0, abs=0.05)
    assert found.seed_iou == pytest.approx(0.1 / 1.9, abs=0.03)
    views = RISE(masks=2000, cells=4)
    made = views(model, image)
    steady = trust(model, image[0], made, TrustSettings(seeds=(0,)), views)
    assert steady.seed_correlation == pytest.approx(1)
    assert steady.seed_iou == pytest.approx(1)
    other = RISE(masks=2000, cells=4, seed=1)
    assert trust(model, image[0], other(model, image), TrustSettings(seeds=(-1,)), other).seed_correlation < 1
    assert 0.3 < trust(model, image[0], made, TrustSettings(seeds=(1,)), views).seed_correlation < 1


@pytest.mark.parametrize("own", [0, 4])
def test_seed_sensitivity_and_randomisation_test_compare_with_the_right_maps(own):
    model, image = TinyNet().eval(), smooth_images(1, 24)
    explain = RISE(masks=40, cells=4, seed=own)
    made = explain(model, image)
    found = trust(model, image[0], made, TrustSettings(seeds=(1, 2), randomise=True), explain)
    others = [RISE(masks=40, cells=4, seed=own + seed)(model, image, made.target).evidence[0] for seed in (1, 2)]
    assert found.seed_correlation == pytest.approx(sum(rank_correlation(made.evidence[0], o) for o in others) / 2)
    assert found.seed_correlation < 0.99
    for share, figure in ((0.0, found.randomised_last), (0.5, found.randomised_half), (1.0, found.randomised_all)):
        lost = explain(randomised(model, share, 0), image, made.target).evidence[0]
        assert figure == pytest.approx(rank_correlation(made.evidence[0], lost))
        assert figure < 0.99


def test_constant_maps_do_not_agree_by_the_order_of_their_ties():
    class Flat(RandomMap):
        def explain(self, model, images, targets, on_step):
            return explanation(torch.zeros(40, 40))

    found = trust(TinyNet(), smooth_images(1, 40)[0], explanation(torch.zeros(40, 40)), None, Flat())
    assert math.isnan(found.seed_correlation)
    assert found.seed_iou == pytest.approx(0.1 / 1.9, abs=0.04)


def test_metrics_that_were_not_requested_or_have_no_seed_are_undefined():
    model, image = TinyNet().eval(), smooth_images(1, 24)
    made = Saliency()(model, image)
    for found in (trust(model, image[0], made), trust(model, image[0], made, None, Saliency())):
        assert math.isnan(found.seed_correlation)
        assert math.isnan(found.seed_iou)
        assert math.isnan(found.randomised_all)
        values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert values["seed_iou"] is None
        assert values["alone"] == pytest.approx(found.alone, rel=1e-6)


def test_randomisation_does_not_change_random_maps_and_changes_gradients():
    model, image = TinyNet().train(), smooth_images(1, 24)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settings = TrustSettings(seeds=(), randomise=True)
    blind = trust(model, image[0], RandomMap()(model, image), settings, RandomMap())
    assert blind.randomised_last == blind.randomised_half == blind.randomised_all == pytest.approx(1)
    seeing = trust(model, image[0], Saliency()(model, image), settings, Saliency())
    assert abs(seeing.randomised_all) < 0.9
    assert math.isnan(seeing.seed_correlation)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_random_network_without_finite_scores_is_undefined():
    class Fragile(TinyNet):
        def forward(self, images):
            whole = torch.equal(self.first.weight, TinyNet().first.weight)
            return super().forward(images) * (1 if whole else torch.nan)

    model, image = Fragile(), smooth_images(1, 24)
    settings = TrustSettings(seeds=(), randomise=True)
    found = trust(model, image[0], Saliency()(model, image), settings, Saliency())
    assert math.isnan(found.randomised_all)
    assert not math.isnan(found.randomised_last)


def test_a_random_network_with_constant_evidence_is_drawn_again():
    drawn = []

    class Dying(TinyNet):
        def forward(self, images):
            logits = super().forward(images)
            if torch.equal(self.first.weight, TinyNet().first.weight):
                return logits
            if self.first.weight[0, 0, 0, 0] not in drawn:
                drawn.append(self.first.weight[0, 0, 0, 0].item())
            return logits * 0 if len(drawn) < 3 else logits

    model, image = Dying(), smooth_images(1, 24)
    settings = TrustSettings(seeds=(), randomise=True)
    found = trust(model, image[0], Saliency()(model, image), settings, Saliency())
    assert len(drawn) == 3
    assert not math.isnan(found.randomised_all)


def test_randomised_shuffles_the_values_of_the_last_layers_of_a_copy():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 50))
    for share, changed in ((0.0, {"4"}), (0.67, {"2", "4"}), (1.0, {"0", "2", "4"})):
        nn.init.normal_(model[2].weight)
        shuffled = randomised(model, share, seed=0)
        for name, value in model.named_parameters():
            other = shuffled.get_parameter(name)
            torch.testing.assert_close(other.flatten().sort().values, value.flatten().sort().values, rtol=0, atol=0)
            if name.endswith("weight"):
                assert torch.equal(other, value) == (name[0] not in changed)
        again, another = randomised(model, share, seed=0), randomised(model, share, seed=1)
        assert torch.equal(again[4].weight, shuffled[4].weight)
        assert not torch.equal(another[4].weight, shuffled[4].weight)


def test_rank_correlation_is_spearmans():
    # Without ties 1 - 6 sum d^2 / (n (n^2 - 1)): d = (0, 1, 1, 2, 2), n = 5.
    assert rank_correlation(torch.tensor([1.0, 2, 30, 4, 5]), torch.tensor([1.0, 3, 4, 5, 2])) == pytest.approx(0.5)
    # With ties at the mean rank: ranks (1, 2.5, 2.5, 4) and (1, 3, 2, 4), covariance 4.5, variances 4.5 and 5.
    tied = rank_correlation(torch.tensor([[1.0, 2], [2, 3]]), torch.tensor([[1.0, 3], [2, 4]]))
    assert tied == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    first = torch.rand(8, 9, generator=torch.Generator().manual_seed(0))
    assert rank_correlation(first, -(first**3)) == pytest.approx(-1)
    assert math.isnan(rank_correlation(first, torch.ones(8, 9)))


def test_without_a_polarity_the_evidence_is_the_top_share_even_with_a_mask():
    mask = torch.rand(3, 12, 10)
    share = evidence_share(explanation(mask=mask), IMAGE, TrustSettings(fraction=0.1))
    assert share.unique().tolist() == [0, 1]
    assert share[0].sum() == 12
    assert WEIGHT[share[0] == 1].min() > WEIGHT[share[0] == 0].max()
    assert evidence_share(explanation(), IMAGE, TrustSettings(fraction=1e-9))[0].sum() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fraction": 0.0}, "fraction 0, random_masks 8: give a share between 0 and 1"),
        ({"random_masks": 0}, "and at least 1 mask"),
        ({"placement": "turned"}, "unknown placement 'turned': choose one of moved, scattered"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        TrustSettings(**settings)


def test_an_explanation_of_another_image_is_refused():
    with pytest.raises(InputError, match=r"evidence has shape \(1, 9, 9\), expected \(1, 12, 10\)"):
        judged(explanation(torch.zeros(9, 9)))
    with pytest.raises(InputError, match="evidence holds NaN"):
        judged(explanation(WEIGHT * torch.nan))


def test_sufficiency_of_a_deletion_game_is_the_score_of_the_deleted_part():
    weight = weights(6, 5)
    model = LinearScore(weight)
    images = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    explained = FGVis(lam=1e-10, lr=0.3, iterations=4, defended=False)(model, images, 0)
    expected = FLOOR + (((1 - explained.mask) * images).mean(dim=1) * weight).sum()
    alone = sufficiency(model, images[0], explained)
    assert alone == pytest.approx(float(expected))
    assert float(explained.score_before) + FLOOR == pytest.approx(float(explained.score_after) + alone)


def test_sufficiency_without_a_mask_is_undefined():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2), torch.nn.ReLU())
    image = torch.rand(3, 2, 2)
    assert math.isnan(sufficiency(model, image, Saliency()(model, image[None])))
