"""The colours of lesion types, as seen with and without colour blindness.

Simulation: Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
IEEE TVCG 2009, severity 1.0, on linear RGB; distance: CIEDE2000.
"""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from retina_xai.app.viewer.components.canvas import canvas
from retina_xai.app.viewer.components.canvas.palette import palette
from retina_xai.drawing import LESION_COLOURS
from retina_xai.lesions.annotation import ANNOTATION_TYPES, LESION_TYPES

STYLES = Path(canvas.__file__).with_name("styles.js")
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def seen(colour: tuple[int, int, int], sight: str) -> np.ndarray:
    """CIELAB of a colour as that sight has it."""
    encoded = np.array(colour) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    mixed = np.clip(np.asarray(SIGHTS[sight]) @ linear, 0, 1)
    return rgb2lab(np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("sight", SIGHTS)
def test_any_two_types_are_told_apart_by_colour(sight):
    colours = [seen(LESION_COLOURS[name], sight) for name in LESION_TYPES]
    assert min(float(deltaE_ciede2000(a, b)) for a, b in combinations(colours, 2)) > 20


def test_the_palette_has_the_colours_of_the_package_in_the_order_of_the_types():
    styles = palette()["lesions"]
    assert list(styles) == list(ANNOTATION_TYPES)
    for name, style in styles.items():
        assert tuple(bytes.fromhex(style["colour"][1:])) == LESION_COLOURS[name]
        assert style["casing"] in ("#000000cc", "#ffffffe6")
    assert [styles[name]["casing"][:7] for name in LESION_TYPES] == ["#000000", "#000000", "#ffffff", "#ffffff"]
    assert [style["label"] for style in styles.values()][-2:] == ["Red small dots", "Unspecified"]


def test_every_type_has_a_dash_and_a_marker_of_its_own_that_the_browser_knows():
    styles = palette()["lesions"].values()
    assert len({tuple(style["dash"]) for style in styles}) == len(ANNOTATION_TYPES)
    known = re.findall(r"^  (\w+): \(path\)", STYLES.read_text(encoding="utf-8"), re.M)
    assert sorted(style["marker"] for style in styles) == sorted(known)
