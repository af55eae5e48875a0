"""Specks of dust: dark in all channels, inside the field of view, and the same for the same generator."""

import numpy as np
import pytest

from retina_xai.fundus.preprocessing import prepare
from retina_xai.training.phantoms.phantom import make_phantom
from retina_xai.training.synthesis.dust import add_dust, dusty


@pytest.fixture(scope="module")
def pixels(phantom_photograph):
    return prepare(phantom_photograph, 256).pixels


def test_specks_take_light_of_all_channels_alike(pixels):
    dark = np.zeros(pixels.shape[:2], bool)
    for seed in range(6):
        once, again = (add_dust(pixels, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(once, again)
        assert (once <= pixels).all()
        assert np.array_equal(once.max(axis=2) == 0, pixels.max(axis=2) == 0), "black stays black, and nothing else is"
        here = (once < 0.9 * pixels).all(axis=2) & (pixels[..., :2].min(axis=2) > 60)
        left = once[here][:, :2] / pixels[here][:, :2]
        assert np.ptp(left, axis=1).max(initial=0) < 0.03, "red as much as green"
        dark |= here
    assert 0 < dark.mean() < 0.05


def test_a_share_of_the_images_has_dust(pixels):
    rng = np.random.default_rng(0)
    changed = sum(not np.array_equal(dusty(pixels, 0.5, rng), pixels) for _ in range(60))
    assert 18 <= changed <= 42
    untouched = np.random.default_rng(0)
    assert dusty(pixels, 0.0, untouched) is pixels
    assert untouched.random() == np.random.default_rng(0).random(), "no number is drawn"


def test_a_black_image_stays_as_it_is():
    black = np.zeros((64, 64, 3), np.uint8)
    assert np.array_equal(add_dust(black, np.random.default_rng(0)), black)


def test_specks_are_small_and_of_several_sizes():
    pixels = np.full((448, 448, 3), 200, np.uint8)
    shares = [(add_dust(pixels, np.random.default_rng(seed)) < 180).all(axis=2).mean() for seed in range(30)]
    assert 0 < min(shares) < max(shares) / 3
    assert max(shares) < 0.02


def test_dust_is_part_of_the_samples_of_both_kinds(tmp_path):
    from retina_xai.training.augment import Augment
    from retina_xai.training.config import TrainingConfig
    from retina_xai.training.data.loading import Prepared
    from retina_xai.training.synthesis.patches import Draw, Patches

    file = tmp_path / "a.npy"
    np.save(file, make_phantom(2, 256, 256).pixels)

    def samples(share):
        config = TrainingConfig.from_mapping({"augmentation": {"dust": share, "rotation": 0.0, "noise": 0.0}})
        augment = Augment(config.preprocessing.at(256), config.augmentation)
        draw = Draw(0, (1, 2, 3))
        return Prepared([file], [0], augment)[draw][0], Patches([file], 128, augment)[draw][0]

    for without, full in zip(samples(0.0), samples(1.0), strict=True):
        assert not np.array_equal(without, full)
