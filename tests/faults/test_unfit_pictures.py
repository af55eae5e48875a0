"""Pictures that do not show a whole, sharp retina are never answered with "no referable DR found"."""

import cv2
import numpy as np
import pandas as pd
import pytest
from helpers.arrays import photograph_of
from helpers.command_line import command

from retina_xai.fundus.quality import gradability
from retina_xai.io.images import find_images, read_image, write_png
from retina_xai.localization import predict
from retina_xai.models.checkpoint import load_classifier
from retina_xai.verdict import NO_REFERABLE_DR, REFER

GRADES = "eyepacs/trainLabels.csv"


def motion(pixels, angle):
    """Motion blur of 41 pixels in a direction (degrees)."""
    line = np.zeros((41, 41), np.float32)
    line[20] = 1
    kernel = cv2.warpAffine(line, cv2.getRotationMatrix2D((20, 20), angle, 1), (41, 41))
    return cv2.filter2D(pixels, -1, kernel / kernel.sum())


def noise(pixels):
    return np.clip(pixels + np.random.default_rng(0).normal(0, 100, pixels.shape), 0, 255).astype(np.uint8)


def shrunk(pixels):
    """64 pixels along the shorter side."""
    scale = 64 / min(pixels.shape[:2])
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def enlarged(pixels):
    return cv2.resize(shrunk(pixels), pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def half(pixels, value):
    pixels = pixels.copy()
    pixels[len(pixels) // 2 :] = value
    return pixels


def tinted(pixels, share):
    """Moved towards grey."""
    grey = pixels.mean(axis=2, keepdims=True)
    return (pixels * (1 - share) + grey * share).astype(np.uint8)


DAMAGES = {
    "motion blur": lambda pixels: motion(pixels, 0),
    "motion blur, vertical": lambda pixels: motion(pixels, 90),
    "motion blur, oblique": lambda pixels: motion(pixels, 30),
    "defocus": lambda pixels: cv2.GaussianBlur(pixels, (0, 0), pixels.shape[1] / 100),
    "noise": noise,
    "64 pixels": shrunk,
    "64 pixels, enlarged": enlarged,
    "half grey": lambda pixels: half(pixels, 128),
    "half black": lambda pixels: half(pixels, 0),
    "tinted grey": lambda pixels: tinted(pixels, 0.85),
    "grey": lambda pixels: tinted(pixels, 1),
}


def round_mask(pixels):
    height, width = pixels.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    inside = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2) < 0.47 * min(height, width)
    return pixels * inside[..., None].astype(np.uint8)


@pytest.fixture(scope="module")
def classifier():
    return load_classifier()


@pytest.fixture(scope="module")
def referable(real_data, classifier):
    """Six photographs of grade 2 to 4 that the network refers, from photographs on which no limit was set."""
    grades = pd.read_csv(real_data / "eyepacs" / "retinopathy_solution.csv").set_index("image")["level"]
    found = []
    for path in find_images([real_data / "eyepacs" / "test"]):
        if grades[path.stem] >= 2 and predict(photograph := read_image(path), classifier).decision == REFER:
            found.append(photograph)
        if len(found) == 6:
            return found
    raise AssertionError(f"only {len(found)} photographs")


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_referable_photograph_is_not_negative(referable, classifier, name):
    verdicts = [predict(photograph_of(DAMAGES[name](one.pixels), one.name), classifier) for one in referable]
    assert [verdict.decision for verdict in verdicts].count(NO_REFERABLE_DR) == 0


@pytest.mark.parametrize("shape", [lambda pixels: pixels, round_mask], ids=["plain", "round mask"])
def test_an_everyday_photograph_is_not_negative(real_data, classifier, shape):
    """Also a cat in a round mask."""
    paths = find_images([real_data / "imagenet" / "val"])[::10]
    verdicts = {
        path.name: predict(photograph_of(shape(read_image(path).pixels), path.name), classifier) for path in paths
    }
    assert len(verdicts) == 20
    assert [name for name, verdict in verdicts.items() if verdict.decision == NO_REFERABLE_DR] == []


def test_good_photographs_still_get_an_answer(real_data):
    paths = find_images([real_data / "drimdb" / "good"])[::3]
    verdicts = [gradability(read_image(path)).verdict for path in paths]
    assert len(verdicts) == 21
    assert verdicts.count("good") >= 20


def test_predict_never_calls_black_white_or_grey_pictures_negative(monkeypatch, capsys, tmp_path):
    pictures = {
        "black": 0,
        "white": 255,
        "grey": 128,
        "speckle": np.random.default_rng(0).integers(0, 256, (300, 300, 3)),
    }
    for name, value in pictures.items():
        write_png(tmp_path / "in" / f"{name}.png", np.broadcast_to(value, (300, 300, 3)).astype(np.uint8))
    code, _, _ = command(monkeypatch, capsys)("predict", tmp_path / "in", "--out", tmp_path / "scores.csv")
    table = pd.read_csv(tmp_path / "scores.csv")
    assert code == 0
    assert table["decision"].tolist() == ["ungradable"] * 4
    assert table["reason"].str.len().min() > 10
