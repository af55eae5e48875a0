"""A synthetic retinal vessel tree: vessels start at the optic disc, curve around the macula and branch.

Lengths are in radii of the field of view, x to the right, y downwards, origin at its centre. An artery and a vein run
from the disc into each of the four quadrants along a cubic Bezier curve; the temporal ones curve around the fovea. Each
has branches up to the third order, at angles of 30-65 degrees and with 50-75 % of the width (Murray's cube law gives
2^(-1/3) = 0.79 for two equal branches; these are unequal). No vessel enters the avascular zone of the fovea. Arteries
are narrower and paler than veins and have a central light reflex. All vessels are anti-aliased poly-lines on a
supersampled canvas. Thin vessels have a lower opacity, because they absorb less light.
"""

from dataclasses import dataclass

import cv2
import numpy as np

AVASCULAR_RADIUS = 0.13  # radius around the fovea without vessels
MIN_DIAMETER = 0.003  # thinner vessels are not drawn
BRANCH_DISTANCE = {3: 0.17, 2: 0.2, 1: 0.3}  # mean distance between two branches, by the number of remaining orders
FRACTION_BITS = 4  # cv2 draws at positions of 1/16 pixel


@dataclass(frozen=True)
class Vessel:
    """One vessel: (K, 2) points x, y; diameter at its start and end."""

    points: np.ndarray
    width: float
    end_width: float
    artery: bool


@dataclass(frozen=True)
class VesselLayers:
    """Opacity (H, W) float32 in [0, 1] of the veins, of the arteries and of the arteries' light reflex."""

    veins: np.ndarray
    arteries: np.ndarray
    reflex: np.ndarray


def grow_vessels(
    disc: tuple[float, float], fovea: tuple[float, float], rng: np.random.Generator, density: float = 1.0
) -> list[Vessel]:
    """The vessels of an eye with this disc and fovea; `density` scales the number of branches."""
    temporal = 1.0 if fovea[0] > disc[0] else -1.0
    vessels: list[Vessel] = []
    for artery in (False, True):
        for vertical in (-1.0, 1.0):
            for nasal in (False, True):
                trunk = _trunk(np.array(disc), temporal, vertical, nasal, artery, rng)
                vessels.append(trunk)
                _branch(vessels, trunk, np.array(fovea), density, 3, rng)
    for _ in range(int(rng.integers(3, 7))):  # fine vessels from the disc, temporal and nasal
        angle = rng.uniform(-0.9, 0.9) + (0.0 if temporal > 0 else np.pi) + np.pi * (rng.random() < 0.35)
        path = _walk(np.array(disc), angle, rng.uniform(0.3, 0.55), rng)
        vessels.append(Vessel(_clip(path, np.array(fovea)), 0.008, 0.003, bool(rng.random() < 0.5)))
    return vessels


def draw_vessels(
    vessels: list[Vessel], shape: tuple[int, int], centre: tuple[float, float], radius: float
) -> VesselLayers:
    """Draw the vessels for a photograph of (height, width) whose field of view has this centre and radius in pixels."""
    fine = 2 if radius < 420 else 1
    height, width = shape
    canvases = [np.zeros((height * fine, width * fine), np.uint8) for _ in range(3)]
    for vessel in sorted(vessels, key=lambda one: one.width):
        if len(vessel.points) < 2:
            continue
        pixels = (vessel.points * radius + np.array(centre) + 0.5) * fine - 0.5
        scale = radius * fine
        _draw_tapered(canvases[int(vessel.artery)], pixels, vessel.width * scale, vessel.end_width * scale, scale)
        if vessel.artery and vessel.width > 0.012:
            _draw_tapered(canvases[2], pixels, 0.3 * vessel.width * scale, 0.2 * vessel.end_width * scale, 0.0)
    layers = []
    for canvas in canvases:
        small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA) if fine > 1 else canvas
        soft = cv2.GaussianBlur(small, (0, 0), max(0.45, 0.0022 * radius))
        layers.append(np.asarray(soft, dtype=np.float32) / 255.0)
    return VesselLayers(*layers)


def _trunk(
    disc: np.ndarray, temporal: float, vertical: float, nasal: bool, artery: bool, rng: np.random.Generator
) -> Vessel:
    """One of the eight main vessels; `vertical` is -1 for the upper, 1 for the lower half."""
    arch = rng.uniform(0.88, 1.12)
    if nasal:
        corners = np.array([[0.0, 0.0], [-0.08, 0.28], [-0.32, 0.42], [-0.75, 0.85]])
    else:
        corners = np.array([[0.0, 0.0], [-0.1, 0.5], [0.38, 0.88], [1.35, 0.42]])
    corners = corners * np.array([temporal, vertical]) * arch + rng.normal(0.0, 0.045, (4, 2))
    corners[0] = rng.normal(0.0, 0.018, 2)
    t = np.linspace(0.0, 1.0, 48)[:, None]
    path = (
        (1 - t) ** 3 * corners[0]
        + 3 * (1 - t) ** 2 * t * corners[1]
        + 3 * (1 - t) * t**2 * corners[2]
        + t**3 * corners[3]
    )
    wiggle = _wiggle(48, rng) * 0.02 * np.minimum(1.0, 3.0 * t)
    width = (0.018 if artery else 0.0245) * (0.72 if nasal else 1.0) * rng.uniform(0.9, 1.15)
    return Vessel(disc + path + wiggle, width, 0.35 * width, artery)


def _branch(
    vessels: list[Vessel],
    parent: Vessel,
    fovea: np.ndarray,
    density: float,
    orders: int,
    rng: np.random.Generator,
) -> None:
    """Append the branches of `parent`, recursively."""
    count = len(parent.points)
    if orders == 0 or count < 8:
        return
    length = float(np.hypot(*np.diff(parent.points, axis=0).T).sum())
    places = np.sort(rng.uniform(0.12, 0.92, rng.poisson(density * length / BRANCH_DISTANCE[orders])))
    side = 1.0 if rng.random() < 0.5 else -1.0
    for place in places:
        at = int(place * (count - 2))
        width = (parent.width + (parent.end_width - parent.width) * place) * rng.uniform(0.5, 0.75)
        if width < MIN_DIAMETER:
            continue
        tangent = parent.points[at + 1] - parent.points[at]
        side = -side if rng.random() < 0.75 else side
        angle = float(np.arctan2(tangent[1], tangent[0])) + side * rng.uniform(0.5, 1.1)
        reach = length * rng.uniform(0.2, 0.6) * (1.15 - 0.6 * place)
        points = _clip(_walk(parent.points[at], angle, reach, rng, -side), fovea)
        child = Vessel(points, width, max(0.4 * width, 0.7 * MIN_DIAMETER), parent.artery)
        vessels.append(child)
        _branch(vessels, child, fovea, density, orders - 1, rng)


def _walk(start: np.ndarray, angle: float, length: float, rng: np.random.Generator, bend: float = 0.0) -> np.ndarray:
    """A curved random path from `start`; `bend` turns it towards the direction of its parent."""
    steps = max(4, int(length / 0.025))
    places = np.arange(steps) / steps
    waves = np.sin(2.0 * np.pi * (places[:, None] * rng.uniform(0.5, 4.0, 3) + rng.random(3)))
    angles = angle + bend * rng.uniform(0.2, 1.3) * places + waves @ rng.normal(0.0, 0.17, 3)
    moves = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (length / steps)
    return np.asarray(start + np.vstack([np.zeros(2), np.cumsum(moves, axis=0)]))


def _wiggle(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 2) smooth noise of unit size."""
    waves = np.arange(1.0, 5.0)
    amplitudes = rng.normal(0.0, 1.0, (2, 4)) / np.sqrt(waves)
    phases = rng.uniform(0.0, 2.0 * np.pi, (2, 4))
    t = np.linspace(0.0, 1.0, count)[:, None, None]
    return np.asarray((amplitudes * np.sin(2.0 * np.pi * waves * t + phases)).sum(axis=2))


def _clip(path: np.ndarray, fovea: np.ndarray) -> np.ndarray:
    """The path up to the avascular zone or the border of the field of view."""
    stop = (np.hypot(*(path - fovea).T) < AVASCULAR_RADIUS) | (np.hypot(*path.T) > 1.05)
    return path[: int(np.argmax(stop))] if stop.any() else path


def _draw_tapered(canvas: np.ndarray, pixels: np.ndarray, start: float, end: float, scale: float) -> None:
    """Draw a poly-line in up to six pieces of decreasing thickness; `scale` 0 draws at full opacity."""
    pieces = min(6, len(pixels) - 1)
    fixed = np.round(pixels * (1 << FRACTION_BITS)).astype(np.int32)
    cuts = np.linspace(0, len(pixels) - 1, pieces + 1).astype(int)
    for number in range(pieces - 1, -1, -1):
        width = start + (end - start) * (number + 0.5) / pieces
        opacity = 1.0 if scale == 0.0 else float(np.clip(0.25 + 0.75 * width / (0.018 * scale), 0.0, 1.0))
        opacity *= min(1.0, width)  # a line is at least one pixel wide, so a thinner vessel is drawn paler
        piece = fixed[cuts[number] : cuts[number + 1] + 1].reshape(-1, 1, 2)
        thick = max(1, round(width))
        cv2.polylines(canvas, [piece], False, int(255 * opacity), thick, cv2.LINE_AA, FRACTION_BITS)
