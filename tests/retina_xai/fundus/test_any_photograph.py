"""Properties of field of view, crop and quality for pictures of any size and content."""

import numpy as np
from helpers.arrays import photograph_of
from hypothesis import given, settings
from hypothesis import strategies as st

from retina_xai.fundus.preprocessing import Preprocessing, gradability, prepare


def _spot(random, shape):
    pixels = np.zeros(shape, np.uint8)
    pixels[random.integers(shape[0]), random.integers(shape[1])] = 255
    return pixels


def _disc(random, shape):
    """A disc anywhere, of any radius, cut by the border."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    centre, radius = random.uniform((0, 0), shape[:2]), random.uniform(3, max(shape))
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
    return np.where(inside[..., None], random.integers(1, 256, 3), 0).astype(np.uint8)


def _stripes(random, shape):
    return np.broadcast_to((np.arange(shape[1]) * 7 % 256)[None, :, None], shape).astype(np.uint8)


CONTENTS = {
    "black": lambda random, shape: np.zeros(shape, np.uint8),
    "white": lambda random, shape: np.full(shape, 255, np.uint8),
    "noise": lambda random, shape: random.integers(0, 256, shape, dtype=np.uint8),
    "one bright pixel": _spot,
    "stripes": _stripes,
    "disc": _disc,
}


@st.composite
def any_photograph(draw):
    shape = (draw(st.integers(64, 300)), draw(st.integers(64, 300)), 3)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return photograph_of(CONTENTS[draw(st.sampled_from(sorted(CONTENTS)))](random, shape), "any.png")


@given(any_photograph(), st.sampled_from([32, 96, 224]))
@settings(max_examples=60, deadline=None)
def test_any_photograph_becomes_a_square_that_is_black_outside_of_its_field_of_view(photograph, size):
    fundus = prepare(photograph, size)
    assert fundus.pixels.shape == (size, size, 3)
    assert fundus.field_of_view.shape == (size, size)
    assert fundus.aperture.mask.shape == photograph.pixels.shape[:2] == fundus.geometry.file_shape
    assert not fundus.pixels[~fundus.field_of_view].any()
    assert np.isfinite([fundus.geometry.left, fundus.geometry.top, fundus.geometry.side]).all()
    assert fundus.geometry.side > 0
    for rules in (Preprocessing(size=size), Preprocessing(size=size, background=0.05)):
        assert np.isfinite(rules.to_tensor(fundus.pixels).numpy()).all()


@given(any_photograph())
@settings(max_examples=40, deadline=None)
def test_no_picture_without_vessels_is_good(photograph):
    verdict = gradability(photograph)
    assert verdict.verdict == "ungradable"
    assert verdict.reason


@given(any_photograph(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_map_goes_to_the_file_and_back_within_its_range(photograph, seed):
    geometry = prepare(photograph, 64).geometry
    own = np.random.default_rng(seed).random((64, 64), dtype=np.float32)
    there = geometry.map_to_file(own)
    back = geometry.map_from_file(there)
    assert there.shape == geometry.file_shape
    assert back.shape == (64, 64)
    for found in (there, back):
        assert np.isfinite(found).all()
        assert 0 <= found.min() <= found.max() <= own.max() + 1e-6
