"""Field of view, crop, geometry and normalisation: known circles are found, and inverse transforms are exact."""

import numpy as np
import pytest
import torch
from helpers.arrays import photograph_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from retina_xai.errors import InputError
from retina_xai.fundus.field_of_view import field_of_view
from retina_xai.fundus.geometry import Geometry
from retina_xai.fundus.preprocessing import Preprocessing, local_background, prepare
from retina_xai.io.images import find_images, read_image

RETINA = np.array([180.0, 95.0, 50.0])


def disc(height, width, x, y, radius, *, brightness=1.0, noise=0.0, falloff=0.4, seed=0):
    """A vignetted disc on black, and its exact mask."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(columns - x, rows - y) / radius
    mask = distance <= 1
    pixels = np.where(mask, brightness * (1 - falloff * distance**2), 0)[..., None] * RETINA
    pixels = pixels + np.abs(rng.normal(0, noise, pixels.shape)) if noise else pixels
    return np.clip(pixels, 0, 255).astype(np.uint8), mask


def overlap(first, second):
    return (first & second).sum() / (first | second).sum()


CIRCLES = {
    "centred": (600, 800, 399.5, 299.5, 280),
    "cut above and below, as DiaretDB1": (1152, 1500, 745, 576, 715),
    "cut below only": (683, 1024, 512, 400, 350),
    "off centre": (700, 900, 300, 380, 250),
    "cut at the right": (500, 700, 600, 250, 220),
    "fills a square": (400, 400, 199.5, 199.5, 199),
    "exceeds a square, corners dark": (400, 400, 205, 195, 240),
    "small": (96, 128, 64, 48, 40),
}


@pytest.mark.parametrize("name", CIRCLES)
@pytest.mark.parametrize("noise", [0.0, 8.0])
def test_circles_are_found_to_a_percent(name, noise):
    height, width, x, y, radius = CIRCLES[name]
    pixels, mask = disc(height, width, x, y, radius, noise=noise)
    view = field_of_view(pixels)
    assert view.found
    tolerance = max(1.5, 0.015 * radius)
    assert abs(view.centre_x - x) < tolerance
    assert abs(view.centre_y - y) < tolerance
    assert abs(view.radius - radius) < tolerance
    assert overlap(view.mask, mask) > (0.95 if name == "small" else 0.97)


def test_circles_are_found_with_text_or_a_notch_and_in_dark_photographs():
    pixels, mask = disc(600, 900, 450, 300, 270, brightness=0.25, noise=3)
    pixels[20:40, 20:140] = 255  # a label
    pixels[580:595, 850:890] = 255
    pixels[290:310, 715:735] = (45, 25, 12)  # the camera's notch
    view = field_of_view(pixels)
    assert view.found
    assert abs(view.radius - 270) < 4
    assert overlap(view.mask, mask) > 0.97


def test_a_flat_mask_in_the_image_is_not_in_the_field_of_view():
    pixels, mask = disc(683, 1024, 512, 320, 400)
    pixels[600:] = 0
    mask[600:] = False
    view = field_of_view(pixels)
    assert abs(view.radius - 400) < 6
    assert overlap(view.mask, mask) > 0.97


def test_without_a_rim_the_whole_image_is_the_field_of_view():
    view = field_of_view(np.full((300, 400, 3), 120, np.uint8))
    assert not view.found
    assert view.mask.all()
    assert (view.centre_x, view.centre_y, view.radius) == (199.5, 149.5, 200)
    assert not field_of_view(np.zeros((300, 400, 3), np.uint8)).found


def test_prepare_centres_the_circle_and_pads_with_black():
    pixels, _ = disc(1152, 1500, 700, 576, 700)
    fundus = prepare(photograph_of(pixels, "x"), 224)
    assert fundus.pixels.shape == (224, 224, 3)
    assert fundus.field_of_view.shape == (224, 224)
    geometry = fundus.geometry
    np.testing.assert_allclose(geometry.points_to_file([[111.5, 111.5]]), [[700, 576]], atol=8)
    assert abs(geometry.side - 1400) < 20
    above = int(-geometry.top * 224 / geometry.side) - 1  # rows of the crop above the file
    assert above > 10
    assert (fundus.pixels[:above] == 0).all()
    assert not fundus.field_of_view[:above].any()
    assert fundus.field_of_view[112, 112]


def test_prepare_agrees_with_the_map_from_the_file():
    """cv2 and the geometry give equal crops of smooth values, so the crop is where the geometry says."""
    pixels, _ = disc(600, 800, 399.5, 299.5, 280, falloff=0)
    rows, columns = np.mgrid[:600, :800]
    waves = 128 + 60 * np.sin(columns / 19) * np.cos(rows / 23)
    pixels = np.where(pixels > 0, waves[..., None], 0).astype(np.uint8)
    fundus = prepare(photograph_of(pixels, "x"), 224)
    own = fundus.geometry.map_from_file(pixels[..., 1].astype(float))
    across, down = np.meshgrid(np.arange(224), np.arange(224))
    deep = np.hypot(across - 111.5, down - 111.5) < 105
    assert np.abs(own - fundus.pixels[..., 1])[deep].max() <= 1


GEOMETRIES = st.builds(
    Geometry,
    file_shape=st.tuples(st.integers(64, 400), st.integers(64, 400)),
    left=st.floats(-150, 150),
    top=st.floats(-150, 150),
    side=st.floats(64, 500),
    size=st.sampled_from([64, 112, 224]),
)


@given(GEOMETRIES, st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_points_round_trip(geometry, points):
    there = geometry.points_to_file(np.array(points))
    np.testing.assert_allclose(geometry.points_from_file(there), points, atol=1e-6)
    back = geometry.points_from_file(np.array(points))
    np.testing.assert_allclose(geometry.points_to_file(back), points, atol=1e-6)


def test_points_follow_the_formula():
    geometry = Geometry((100, 200), left=10, top=-20, side=120, size=60)
    # the outer corner of network pixel 0 (at -0.5) is the outer corner of file pixel 10 (at 9.5), two pixels a step
    np.testing.assert_allclose(
        geometry.points_to_file([[-0.5, -0.5], [0, 0], [59.5, 59.5]]), [[9.5, -20.5], [10.5, -19.5], [129.5, 99.5]]
    )


@given(GEOMETRIES)
@settings(max_examples=60, deadline=None)
def test_a_linear_ramp_is_preserved_in_both_directions(geometry):
    """The value of every pixel is the x + 2 y of its place; inside (a pixel of margin) resampling must keep that."""
    own = np.arange(geometry.size)
    x, y = geometry.points_to_file(np.stack([own, own], axis=1)).T
    mapped = geometry.map_to_file(x[None, :] + 2 * y[:, None])
    height, width = geometry.file_shape
    rows, columns = np.mgrid[:height, :width]
    margin = 1 + geometry.side / geometry.size
    deep = (
        (columns + 0.5 > geometry.left + margin)
        & (columns + 0.5 < geometry.left + geometry.side - margin)
        & (rows + 0.5 > geometry.top + margin)
        & (rows + 0.5 < geometry.top + geometry.side - margin)
    )
    np.testing.assert_allclose(mapped[deep], (columns + 2 * rows)[deep], atol=1e-2)
    outside = (
        (columns + 0.5 < geometry.left)
        | (columns + 0.5 > geometry.left + geometry.side)
        | (rows + 0.5 < geometry.top)
        | (rows + 0.5 > geometry.top + geometry.side)
    )
    assert (mapped[outside] == 0).all()
    back = geometry.map_from_file((columns + 2 * rows).astype(float))
    inside = (
        (x[None, :] > margin)
        & (x[None, :] < width - 1 - margin)
        & (y[:, None] > margin)
        & (y[:, None] < height - 1 - margin)
    )
    np.testing.assert_allclose(back[inside], (x[None, :] + 2 * y[:, None])[inside], atol=1e-2)


@given(GEOMETRIES, st.integers(2, 61), st.integers(2, 61))
@settings(max_examples=100, deadline=None)
def test_a_single_bright_pixel_keeps_its_position(geometry, x, y):
    lit = np.zeros((geometry.size, geometry.size))
    lit[y, x] = 1
    place = geometry.points_to_file([[x, y]])[0]
    reach = 1 + geometry.side / geometry.size
    height, width = geometry.file_shape
    if not (reach < place[0] < width - 1 - reach and reach < place[1] < height - 1 - reach):
        return
    mapped = geometry.map_to_file(lit).astype(float)
    assert mapped.sum() > 0
    rows, columns = np.mgrid[:height, :width]
    centre = np.array([(mapped * columns).sum(), (mapped * rows).sum()]) / mapped.sum()
    np.testing.assert_allclose(centre, place, atol=0.51)
    brightest = np.unravel_index(mapped.argmax(), mapped.shape)
    assert abs(brightest[1] - place[0]) <= 1
    assert abs(brightest[0] - place[1]) <= 1


def test_integer_steps_are_exact():
    rng = np.random.default_rng(0)
    array = rng.random((40, 40))
    same = Geometry((60, 50), left=5, top=10, side=40, size=40)
    expected = np.zeros((60, 50))
    expected[10:50, 5:45] = array
    np.testing.assert_allclose(same.map_to_file(array), expected, atol=1e-6)
    np.testing.assert_allclose(same.map_from_file(expected), array, atol=1e-6)
    twice = Geometry((80, 80), left=0, top=0, side=80, size=40)
    np.testing.assert_array_equal(twice.map_to_file(array, order=0), np.kron(array, np.ones((2, 2))).astype(np.float32))
    # the mean of the linear interpolant over two pixels weighs them and their neighbours 1 : 7 : 7 : 1
    impulse = np.zeros((80, 80))
    impulse[40, 41] = 256
    window = twice.map_from_file(impulse)[19:22, 19:22]
    np.testing.assert_allclose(window, np.outer([1, 7, 0], [0, 7, 1]), atol=1e-6)


def test_maps_of_another_size_are_refused():
    geometry = Geometry((60, 50), 0, 0, 50, 40)
    with pytest.raises(InputError, match=r"got a map of shape \(50, 60\), expected \(60, 50\)"):
        geometry.map_from_file(np.zeros((50, 60)))
    with pytest.raises(InputError, match=r"expected \(40, 40\)"):
        geometry.map_to_file(np.zeros((60, 50)))


def test_preprocessing_matches_its_formula():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    preprocessing = Preprocessing(size=32)
    tensor = preprocessing.to_tensor(pixels)
    assert tensor.shape == (3, 32, 32)
    assert tensor.dtype == torch.float32
    assert tensor[1, 5, 7].item() == pytest.approx((int(pixels[5, 7, 1]) - 75.87) / 51.71, abs=1e-5)
    assert Preprocessing.from_dict(preprocessing.to_dict()) == preprocessing
    with pytest.raises(InputError, match=r"got pixels of shape \(32, 32, 3\), expected \(448, 448, 3\)"):
        Preprocessing().to_tensor(pixels)
    for bad in (
        {},
        {"size": 32, "mean": [1, 2], "std": [1, 1, 1]},
        {"size": 32, "mean": [1, 2, 3], "std": [1, 0, 1]},
        {"size": 32, "mean": [0, 0, 0], "std": [1, 1, 1], "background": 2},
    ):
        with pytest.raises(InputError, match=r"preprocessing .*: expected"):
            Preprocessing.from_dict(bad)


def test_real_photographs_have_a_field_of_view(real_data):
    for path in find_images([real_data / "diaretdb1" / "ddb1_v02_01" / "images"])[:8]:
        view = field_of_view(read_image(path).pixels)
        assert view.found
        assert view.support > 0.9
        assert 680 < view.radius < 750
        assert 690 < view.centre_x < 800


def disc_of(colour, size=200):
    """A uniform disc on black, as returned by `prepare`."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    return ((rows**2 + columns**2 < (size / 2 - 5) ** 2)[..., None] * np.array(colour)).astype(np.uint8)


def test_a_uniform_retina_is_zero_after_subtraction_of_the_background():
    preprocessing = Preprocessing(200, (0, 0, 0), (1, 1, 1), background=0.05)
    tensor = preprocessing.to_tensor(disc_of((200, 90, 30)))
    assert tensor.abs().max() < 0.01


def test_subtracting_the_local_background_keeps_the_contrast_of_a_small_spot():
    preprocessing = Preprocessing(200, (0, 0, 0), (4, 4, 4), background=0.05)
    spots = []
    for colour in ((200, 90, 30), (120, 110, 100)):
        pixels = disc_of(colour)
        pixels[100:103, 100:103] += np.uint8(20)
        spots.append(preprocessing.to_tensor(pixels)[:, 101, 101])
    # a spot of 9 pixels adds 9 / (2 pi 10^2) of its height to its own background
    assert spots[0].tolist() == pytest.approx([20 * (1 - 9 / (2 * np.pi * 100)) / 4] * 3, rel=0.02)
    torch.testing.assert_close(spots[0], spots[1])


def test_the_coarse_background_equals_the_exact_one():
    rng = np.random.default_rng(0)
    pixels = disc_of((150, 90, 60), 256)
    pixels[pixels > 0] += rng.integers(0, 40, (pixels > 0).sum(), dtype=np.uint8)
    mask = (pixels.any(axis=2)).astype(np.float64)
    exact = np.dstack([gaussian_filter(pixels[..., c].astype(float), 12) for c in range(3)])
    exact /= np.maximum(gaussian_filter(mask, 12), 1e-3)[..., None]
    assert np.abs(local_background(pixels, 12) - exact)[mask > 0].max() < 1


def test_outside_the_field_of_view_the_square_is_black(phantom_photograph):
    noisy = phantom_photograph.pixels.copy()
    noisy[:30, :30] = 200
    fundus = prepare(photograph_of(np.maximum(noisy, 3), "noisy"), 128)
    assert not fundus.pixels[~fundus.field_of_view].any()
    assert fundus.pixels[fundus.field_of_view].any(axis=1).all()


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-20, 20),
    st.floats(10, 90),
    st.sampled_from([16, 40, 96]),
    st.integers(0, 40),
    st.integers(0, 30),
    st.integers(1, 19),
)
def test_a_patch_is_mapped_like_the_whole_map_that_holds_it(corner, side, size, left, top, extent):
    geometry = Geometry((50, 60), corner, corner / 2, side, size)
    patch = np.random.default_rng(0).random((extent, extent + 1))
    whole = np.zeros((50, 60))
    whole[top : top + extent, left : left + extent + 1] = patch
    np.testing.assert_allclose(geometry.patch_from_file(patch, left, top), geometry.map_from_file(whole), atol=1e-6)


def test_a_patch_beyond_the_file_is_refused():
    geometry = Geometry((50, 60), 0, 0, 50, 16)
    with pytest.raises(
        InputError, match=r"a patch of 5 x 6 at \(55, 0\) in a file of \(50, 60\): cut it at the border"
    ):
        geometry.patch_from_file(np.ones((5, 6)), 55, 0)
