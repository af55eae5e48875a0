"""Red-free and CLAHE views."""

import numpy as np

from retina_xai.fundus.views import clahe, red_free


def test_red_free_stretches_the_green_channel_and_keeps_its_order():
    green = np.tile(np.arange(60, 160, dtype=np.uint8), (100, 1))
    pixels = np.dstack([green + 50, green, np.zeros_like(green)])
    pixels[:10] = 3
    view = red_free(pixels)
    assert view[50].min() == 0
    assert view[50].max() == 255
    assert (np.diff(view[50].astype(int)) >= 0).all()
    assert (view[:10] == 0).all()
    assert np.array_equal(red_free(np.zeros((4, 4, 3), np.uint8)), np.zeros((4, 4), np.uint8))


def test_clahe_increases_contrast_and_does_not_change_black_or_the_input(phantom_photograph):
    pixels = phantom_photograph.pixels.copy()
    view = clahe(pixels)
    lit = pixels.max(axis=2) > 20
    assert view.shape == pixels.shape
    assert view.dtype == np.uint8
    assert view[lit][:, 1].std() > 1.2 * pixels[lit][:, 1].std()
    assert np.array_equal(view[~lit], pixels[~lit])
    assert np.array_equal(pixels, phantom_photograph.pixels)
