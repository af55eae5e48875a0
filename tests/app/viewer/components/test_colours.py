"""The colours of lesion types, as seen with and without colour blindness.

Simulation: Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
IEEE TVCG 2009, severity 1.0, on linear RGB; distance: CIEDE2000.
"""

import re
from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from retina_xai.app.viewer.components.canvas.component import CLIENT
from retina_xai.lesions.annotation import LESION_TYPES

SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
ENTRY = re.compile(
    r'^  (\w+): \{ label: "[^"]+", colour: "#(\w{6})", casing: \w+, dash: (\[.*?\]), marker: "(\w+)"', re.M
)


def entries() -> dict[str, tuple[str, ...]]:
    """Colour, dash and marker by lesion type, as the client has them."""
    text = (CLIENT / "lesions.js").read_text(encoding="utf-8")
    return {name: tuple(rest) for name, *rest in ENTRY.findall(text)}


def seen(colour: str, sight: str) -> np.ndarray:
    """CIELAB of a colour as that sight has it."""
    encoded = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    mixed = np.clip(np.asarray(SIGHTS[sight]) @ linear, 0, 1)
    return rgb2lab(np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("sight", SIGHTS)
def test_any_two_types_are_told_apart_by_colour(sight):
    colours = [seen(colour, sight) for colour, *_ in entries().values()]
    assert min(float(deltaE_ciede2000(a, b)) for a, b in combinations(colours, 2)) > 20


def test_every_type_has_a_colour_a_dash_and_a_marker_of_its_own():
    found = entries()
    assert sorted(found) == sorted(LESION_TYPES)
    for feature in zip(*found.values(), strict=True):
        assert len(set(feature)) == len(LESION_TYPES)
