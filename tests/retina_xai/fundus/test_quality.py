"""Pictures that do not show a retina are ungradable, with a reason; real fundus photographs are gradable."""

import cv2
import numpy as np
import pytest
from helpers.arrays import photograph_of

from retina_xai.fundus.field_of_view import field_of_view
from retina_xai.fundus.quality import RULES, gradability, measure
from retina_xai.io.images import find_images, read_image

ROWS, COLUMNS = np.mgrid[:600, :800]


def retina(vessels=True):
    """A reddish disc with vessel-like lines and fine mottling."""
    distance = np.hypot(COLUMNS - 400, ROWS - 300) / 270
    pixels = (1 - 0.3 * distance**2)[..., None] * np.array([190.0, 100.0, 55.0])
    mottling = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, ROWS.shape), (0, 0), 2)
    pixels = pixels * (1 + 0.02 * mottling[..., None] / mottling.std())
    if vessels:
        lines = np.zeros(ROWS.shape, np.uint8)
        for angle in np.linspace(0, 2 * np.pi, 14, endpoint=False):
            end = (int(400 + 280 * np.cos(angle)), int(300 + 280 * np.sin(angle)))
            cv2.line(lines, (400, 300), end, 255, 5, cv2.LINE_AA)
        pixels = pixels * (1 - 0.35 * lines[..., None] / 255 * np.array([0.4, 1, 1]))
    return np.where(distance[..., None] <= 1, np.clip(pixels, 0, 255), 0).astype(np.uint8)


def oct_scan():
    """A grey, speckled horizontal band."""
    band = (
        np.exp(-(((ROWS - 300 - 30 * np.sin(COLUMNS / 150)) / 60) ** 2))
        * 200
        * np.random.default_rng(0).rayleigh(0.7, ROWS.shape)
    )
    return np.repeat(np.clip(band, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def scenery():
    """Colourful patches without a round border."""
    patches = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(patches, (800, 600), interpolation=cv2.INTER_CUBIC)


UNGRADABLE = {
    "black": (np.zeros((600, 800, 3), np.uint8), "almost black"),
    "white": (np.full((600, 800, 3), 255, np.uint8), "almost white"),
    "uniform": (np.full((600, 800, 3), (180, 90, 60), np.uint8), "blurred"),
    "angiogram": (np.repeat(retina()[..., 1:2], 3, axis=2), "grey: an angiogram"),
    "OCT": (oct_scan(), "grey: an angiogram, red-free photograph or scan"),
    "scenery": (scenery(), "no round field of view"),
    "blurred": (cv2.GaussianBlur(retina(), (0, 0), 8), "blurred or hazy"),
    "heavily blurred": (cv2.GaussianBlur(retina(), (0, 0), 25), "blurred or hazy"),
    "green": (np.ascontiguousarray(retina()[..., [1, 0, 2]]), "the colours are not those of a retina"),
    "overexposed": (np.clip(retina().astype(int) * 4, 0, 255).astype(np.uint8), "overexposed"),
}


def test_a_sharp_retina_is_good():
    assert gradability(photograph_of(retina(), "x")).verdict == "good"


@pytest.mark.parametrize("scale", [0.7, 1, 1.28, 2.1])
def test_a_known_field_of_view_changes_no_measure(scale):
    pixels = cv2.resize(retina(), None, fx=scale, fy=scale)
    assert measure(pixels, field_of_view(pixels)) == measure(pixels)
    aside = field_of_view(np.roll(pixels, 40, axis=1))
    assert (measure(pixels, aside) == measure(pixels)) == (max(pixels.shape) > 1024), "it is used where none is reduced"


@pytest.mark.parametrize("name", UNGRADABLE)
def test_unfit_pictures_are_ungradable_with_the_reason(name):
    pixels, reason = UNGRADABLE[name]
    found = gradability(photograph_of(pixels, name))
    assert found.verdict == "ungradable"
    assert found.reason.startswith(reason)


def test_an_underexposed_retina_is_too_dark():
    found = gradability(photograph_of((retina() * 0.143).astype(np.uint8), "x"))
    assert found.verdict == "ungradable"
    assert found.reason.startswith("too dark")


def test_sharpness_falls_with_blur_and_ignores_exposure():
    sharp = retina()
    values = [measure(cv2.GaussianBlur(sharp, (0, 0), sigma)).sharpness for sigma in (0.5, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    half = measure((sharp * 0.6).astype(np.uint8)).sharpness
    assert abs(half - measure(sharp).sharpness) < 0.03


def test_the_verdict_does_not_depend_on_resolution():
    for factor in (0.7, 1.7):
        pixels = cv2.resize(retina(), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        assert gradability(photograph_of(pixels, "x")).verdict == "good"


def test_reasons_are_distinct_single_clauses():
    reasons = [reason for _, _, reason in RULES]
    assert len(set(reasons)) == len(reasons)
    assert not any("\n" in reason or reason.endswith(".") for reason in reasons)


@pytest.mark.slow
def test_real_diaretdb1_and_idrid_are_never_ungradable(real_data):
    paths = find_images([real_data / "diaretdb1" / "ddb1_v02_01" / "images"])[::3]
    paths += find_images([real_data / "idrid" / "images"])[::40]
    verdicts = {path.name: gradability(read_image(path)) for path in paths}
    assert len(verdicts) > 15
    assert {name: v for name, v in verdicts.items() if v.verdict == "ungradable"} == {}


def test_blur_of_real_photographs_is_detected(real_data):
    for path in find_images([real_data / "idrid" / "images"])[::100]:
        pixels = read_image(path).pixels
        blurred = cv2.GaussianBlur(pixels, (0, 0), 0.01 * pixels.shape[1])
        assert gradability(photograph_of(blurred, path.name)).verdict == "ungradable"


@pytest.mark.slow
def test_natural_photographs_are_ungradable(real_data):
    paths = find_images([real_data / "imagenet" / "val"])[::5]
    passed = [path.name for path in paths if gradability(read_image(path)).verdict != "ungradable"]
    assert len(passed) <= 0.05 * len(paths), passed
