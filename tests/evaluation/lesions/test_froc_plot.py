from dataclasses import replace

import cv2
import numpy as np
import pytest

from retina_xai.evaluation.datasets.diaretdb1 import open_diaretdb1
from retina_xai.evaluation.lesions.froc_plot import froc_png
from retina_xai.evaluation.lesions.sensitivity import Explained, SensitivitySettings, evaluate
from retina_xai.metrics.froc import Froc


@pytest.fixture
def summary(diaretdb1, tmp_path):
    def explain(photograph):
        evidence = np.zeros((90, 120), dtype=np.float32)
        evidence[37:44, 27:34] = 0.5
        return Explained(evidence, np.ones((90, 120), dtype=bool), 0.9)

    settings = SensitivitySettings("votes", chance_repetitions=4, resamples=50)
    return evaluate(open_diaretdb1(diaretdb1).cases, explain, tmp_path / "out", settings)


def picture(summary):
    return cv2.imdecode(np.frombuffer(froc_png(summary), np.uint8), cv2.IMREAD_COLOR)


def test_the_curves_are_a_picture(summary):
    pixels = picture(summary)
    assert pixels.shape[2] == 3
    assert pixels.std() > 5


def test_chance_is_drawn_in_the_colour_of_its_type(summary):
    one = summary.types["haemorrhages"]
    chance = Froc(np.array([0.0625, 8.0]), np.array([0.7, 0.7]))
    moved = replace(
        summary,
        types={**summary.types, "haemorrhages": replace(one, froc=replace(one.froc, chance_curve=chance))},
    )
    blue, _, red = np.moveaxis(picture(moved).astype(int), -1, 0)
    orange = red - blue > 60
    # Only a dashed line has coloured pixels and gaps in turn along one row.
    assert np.diff(orange, axis=1).sum(axis=1).max() > 20


def test_without_a_lesion_there_is_nothing_to_draw(summary):
    assert froc_png(replace(summary, types={"red_small_dots": summary.types["red_small_dots"]}))
