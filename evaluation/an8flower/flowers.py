"""Drawn flowers after an8Flower (Oramas et al., ICLR 2019): the class is the colour of one part, whose mask is known.

    single-6c     6 classes: the colour of the petals
    double-12c    12 classes: the colour, and which part has it, the petals or the stem

All other parts are nearly grey, so nothing but the coloured part tells the class. Ours is a drawing in two dimensions,
where the authors rendered models in three: position, size, turn, tilt, number and shape of the petals, bend of the
stem, leaves, light and background vary at random. A flower is a function of (set, class, number, seed, size) alone. The
set of the authors has 1,000 pictures of a class.

>>> flower = draw_flower("single-6c", label=2, number=0, seed=1, size=64)
>>> flower.pixels.shape, flower.mask.shape, FLOWER_SETS["single-6c"].classes[2]
((64, 64, 3), (64, 64), 'green petals')
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from retina_xai.errors import UsageError

COLOURS = {
    "red": (0.85, 0.12, 0.12),
    "yellow": (0.90, 0.82, 0.10),
    "green": (0.15, 0.70, 0.20),
    "cyan": (0.10, 0.75, 0.80),
    "blue": (0.15, 0.25, 0.85),
    "purple": (0.65, 0.15, 0.75),
}
"""RGB of each colour in [0, 1], before light and noise."""

PETALS, STEM = "petals", "stem"
FINER = 3
"""Pictures are drawn so many times larger and then averaged, which smooths the edges."""

SMALLEST = 32
"""Pixels of the smallest picture."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class FlowerSet:
    """A set: its name, and the parts that can have the colour. A class is a part with a colour."""

    name: str
    parts: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in order."""
        return tuple(f"{colour} {part}" for part in self.parts for colour in COLOURS)

    def meaning(self, label: int) -> tuple[str, str]:
        """The part and the colour of a class."""
        return self.parts[label // len(COLOURS)], list(COLOURS)[label % len(COLOURS)]


FLOWER_SETS = {one.name: one for one in (FlowerSet("single-6c", (PETALS,)), FlowerSet("double-12c", (PETALS, STEM)))}


@dataclass(frozen=True, eq=False)
class Flower:
    """A picture (S, S, 3) uint8, the mask (S, S) of the part that tells its class, and the class."""

    pixels: np.ndarray
    mask: np.ndarray
    label: int


def flower_set(name: str) -> FlowerSet:
    """The set of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in FLOWER_SETS:
        raise UsageError(f"unknown set {name!r}: choose one of {', '.join(FLOWER_SETS)}")
    return FLOWER_SETS[name]


def draw_flower(name: str, label: int, number: int, seed: int = 0, size: int = 300) -> Flower:
    """Draw one flower.

    Args:
        name: a key of FLOWER_SETS. label: its class. number: which flower of the class, from 0. size: in pixels.

    Raises:
        UsageError: unknown set or class, or a size below SMALLEST.
    """
    chosen = flower_set(name)
    if not 0 <= label < len(chosen.classes) or size < SMALLEST:
        raise UsageError(
            f"class {label}, size {size}: {name} has classes 0 to {len(chosen.classes) - 1}, give at least "
            f"{SMALLEST} pixels"
        )
    rng = np.random.default_rng([seed, list(FLOWER_SETS).index(name), label, number])
    part, colour = chosen.meaning(label)
    shapes = _shapes(rng)
    light = rng.uniform(0.75, 1.1)
    image = Image.fromarray(_background(rng, size * FINER))
    mask = Image.new("L", image.size, 0)
    picture, marks = ImageDraw.Draw(image), ImageDraw.Draw(mask)
    for owner, points in shapes:
        own = np.array(COLOURS[colour]) if owner == part else _grey(rng, owner)
        shade = np.clip(light * rng.uniform(0.88, 1.12) * own + rng.normal(0, 0.02, 3), 0, 1)
        outline = [(x * image.width, y * image.height) for x, y in points]
        picture.polygon(outline, fill=tuple(int(255 * value) for value in shade))
        marks.polygon(outline, fill=255 if owner == part else 0)
    small = np.asarray(image.reduce(FINER), dtype=np.float32) + rng.normal(0, 4, (size, size, 3))
    found = np.asarray(mask.reduce(FINER)) >= 128
    return Flower(np.clip(small, 0, 255).round().astype(np.uint8), found, label)


def _shapes(rng: np.random.Generator) -> list[tuple[str, Points]]:
    """The parts as polygons in units of the picture, those behind first."""
    radius = rng.uniform(0.14, 0.21)
    centre = np.array([rng.uniform(0.32, 0.68), rng.uniform(0.26, 0.46)])
    foot = np.array([centre[0] + rng.uniform(-0.2, 0.2), 1.02])
    middle = (centre + foot) / 2 + np.array([rng.uniform(-0.12, 0.12), 0])
    along = _bent(centre, middle, foot)
    found: list[tuple[str, Points]] = [(STEM, _ribbon(along, rng.uniform(0.04, 0.06)))]
    for _ in range(rng.integers(1, 3)):
        root = along[int(rng.integers(14, 24))]
        found.append(("leaf", _ellipse(root, rng.uniform(0.08, 0.13), rng.uniform(0.02, 0.04), rng.uniform(0, np.pi))))
    turn, tilt, count = rng.uniform(0, np.pi), rng.uniform(0.6, 1), int(rng.integers(5, 9))
    width = rng.uniform(0.8, 1.15) * radius * np.sin(np.pi / count)
    for petal in range(count):
        angle = turn + 2 * np.pi * petal / count
        points = np.array(_ellipse(np.array([0.6 * radius, 0]), 0.55 * radius, width, 0))
        turned = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        found.append((PETALS, _listed(centre + turned * [1, tilt])))
    disc = np.array(_ellipse(np.zeros(2), 0.3 * radius, 0.3 * radius, 0)) * [1, tilt]
    return [*found, ("centre", _listed(centre + disc))]


def _bent(start: np.ndarray, middle: np.ndarray, end: np.ndarray) -> np.ndarray:
    """30 points of a quadratic curve."""
    share = np.linspace(0, 1, 30)[:, None]
    return np.asarray((1 - share) ** 2 * start + 2 * share * (1 - share) * middle + share**2 * end)


def _ribbon(along: np.ndarray, width: float) -> Points:
    direction = np.gradient(along, axis=0)
    normal = np.stack([-direction[:, 1], direction[:, 0]], axis=1) / np.linalg.norm(direction, axis=1, keepdims=True)
    return _listed(np.concatenate([along + width / 2 * normal, (along - width / 2 * normal)[::-1]]))


def _ellipse(centre: np.ndarray, long: float, short: float, angle: float) -> Points:
    around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    points = np.stack([long * np.cos(around), short * np.sin(around)], axis=1)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return _listed(centre + points @ turn)


def _listed(points: np.ndarray) -> Points:
    return [(float(x), float(y)) for x, y in points]


def _grey(rng: np.random.Generator, owner: str) -> np.ndarray:
    """Parts without the colour differ in brightness, not in hue."""
    low, high = {"centre": (0.25, 0.4), "leaf": (0.35, 0.5)}.get(owner, (0.5, 0.8))
    return np.full(3, rng.uniform(low, high))


def _background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Smooth clouds of weak colour, (size, size, 3) uint8."""
    base = rng.uniform(0.55, 0.95) + rng.normal(0, 0.02, 3)
    coarse = np.clip(base + rng.normal(0, 0.07, (5, 5, 1)) + rng.normal(0, 0.012, (5, 5, 3)), 0, 1)
    clouds = Image.fromarray((255 * coarse).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(clouds)
