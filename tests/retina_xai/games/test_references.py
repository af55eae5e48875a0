"""References: values, shapes, no gradient."""

import pytest
import torch
from helpers.networks import TinyNet, smooth_images

from retina_xai.errors import UsageError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.games import Blur, GaussianNoise, Zero
from retina_xai.games.references import reference_for


@pytest.mark.parametrize(
    "reference", ["zero", "noise", "blur", Zero(), GaussianNoise(32), Blur(5), torch.zeros(3, 1, 1)]
)
def test_every_reference_has_the_shape_of_the_images_and_no_gradient(reference):
    images = smooth_images(2, 24)
    values = reference_for(reference, images, 0)
    assert values.shape == images.shape
    assert not values.requires_grad


def test_values_of_the_references():
    images = smooth_images(2, 64)
    assert reference_for("zero", images, 0).abs().max() == 0
    noise = reference_for(GaussianNoise(32), images, 0)
    assert noise.std() == pytest.approx(32 / 58, rel=0.05)
    assert torch.equal(noise[0], noise[1])
    flat = torch.full((1, 3, 64, 64), 0.3)
    torch.testing.assert_close(reference_for(Blur(5), flat, 0), flat)
    dot = torch.zeros(1, 1, 65, 65)
    dot[..., 32, 32] = 1
    spread = reference_for(Blur(4), dot, 0)
    rows = torch.arange(65.0) - 32
    assert (spread[0, 0].sum(1) * rows**2).sum().sqrt() == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("seed", [0, 3])
def test_noise_is_one_draw_of_its_seed_for_all_images(seed):
    images = smooth_images(2, 24)
    drawn = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(seed)) * 8 / 58
    torch.testing.assert_close(reference_for("noise", images, seed), drawn.expand_as(images))
    assert not torch.equal(reference_for("noise", images, seed), reference_for("noise", images, seed + 1))


@pytest.mark.parametrize("reference", ["white", torch.zeros(1, 3, 9, 9)])
def test_references_that_do_not_fit_are_refused(reference):
    with pytest.raises(UsageError, match=r"unknown reference 'white'|reference has shape \(1, 3, 9, 9\)"):
        FGVis(lam=1e-4, iterations=1, reference=reference)(TinyNet().eval(), torch.zeros(1, 3, 8, 8))
