"""A phantom without lesions: the healthy retina and the camera.

Layers, in this order: colour of the retina (by camera), texture, choroidal vessels (in some eyes), the darker macula,
the optic disc with its cup, the vessel tree (`vessel_tree`), reflexes of nerve fibres, uneven illumination and
vignetting. Reflections and dust are hard negatives: bright and dark objects that are not lesions. The camera adds the
tinted rim, the field of view (a circle, often cut at top and bottom), optical blur and sensor noise. Until lesions are
painted, pixels are planes (3, H, W), float32, 0-255, RGB.

Lengths are in radii of the field of view, x to the right, y downwards, origin at its centre.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from retina_xai.training.synthesis.vessel_tree import draw_vessels, grow_vessels

# mean colour of the retina (R, G, B) per camera, and the tint of the rim; measured on public photographs
CAMERAS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "orange": ((162, 72, 20), (20, 10, 0)),
    "red": ((190, 62, 26), (25, 8, 0)),
    "brown": ((122, 58, 16), (5, 5, 0)),
    "pink": ((186, 126, 104), (0, 45, 60)),
    "yellow": ((184, 122, 44), (10, 30, 20)),
    "bright": ((228, 112, 66), (20, 30, 25)),
    "grey": ((88, 72, 66), (5, 5, 8)),
}


@dataclass(frozen=True)
class Camera:
    """Colours, field of view and noise of one camera; both eyes of a patient have the same camera."""

    retina: np.ndarray
    rim: np.ndarray
    cut: float  # rows beyond this many radii above and below the centre are dark
    fill: float  # radius of the field of view as a share of the largest that fits
    notch: bool
    vignetting: float
    noise: float


@dataclass(frozen=True)
class Eye:
    """Positions in field radii, and coordinate grids."""

    disc: tuple[float, float]
    disc_radius: float
    fovea: tuple[float, float]
    centre: tuple[float, float]
    radius: float
    x: np.ndarray  # (H, W) float32, field radii from the centre
    y: np.ndarray


def draw_camera(rng: np.random.Generator) -> Camera:
    """A random camera."""
    retina, rim = CAMERAS[str(rng.choice(list(CAMERAS)))]
    colour = np.array(retina, dtype=np.float32) * rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3)
    return Camera(
        retina=colour.astype(np.float32),
        rim=np.array(rim, dtype=np.float32) * np.float32(rng.uniform(0.3, 1.3)),
        cut=float(rng.uniform(0.76, 0.92)) if rng.random() < 0.6 else 2.0,
        fill=float(rng.uniform(0.93, 1.0)),
        notch=bool(rng.random() < 0.4),
        vignetting=float(rng.uniform(0.05, 0.45)),
        noise=float(rng.uniform(0.8, 2.6)),
    )


def draw_eye(height: int, width: int, camera: Camera, eye: str | None, rng: np.random.Generator) -> Eye:
    """A random eye for that camera; `eye` is "left", "right", or None for a random side."""
    room = min(width / 2.0, height / (2.0 * min(1.0, camera.cut)))
    radius = room * camera.fill * rng.uniform(0.97, 1.0)
    shift = rng.uniform(-0.9, 0.9, 2) * np.maximum(0.0, np.array([width, height]) / 2.0 - radius) * 0.25
    centre = (float(width / 2.0 - 0.5 + shift[0]), float(height / 2.0 - 0.5 + shift[1]))
    right = rng.random() < 0.5 if eye is None else eye == "right"
    side = 1.0 if right else -1.0
    distance = rng.uniform(0.64, 0.74)
    # centred on the macula, as EyePACS and DiaretDB1 mostly are, or between macula and disc
    offset = rng.uniform(-0.05, 0.12) if rng.random() < 0.7 else rng.uniform(0.2, 0.5)
    fovea = (-side * offset, float(rng.uniform(-0.06, 0.12)))
    disc = (fovea[0] + side * distance, fovea[1] - float(rng.uniform(0.0, 0.14)))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x - np.float32(centre[0])) / np.float32(radius), (y - np.float32(centre[1])) / np.float32(radius)
    return Eye(disc, float(rng.uniform(0.13, 0.165)), fovea, centre, float(radius), x, y)


def retina(eye: Eye, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """The healthy retina with uneven illumination: planes (3, H, W), 0-255."""
    texture = 0.05 * _noise(eye, 2.0, rng) + 0.035 * _noise(eye, 7.0, rng) + 0.03 * _noise(eye, 30.0, rng)
    if rng.random() < 0.45:  # choroidal vessels: curved dark and pale streaks, weakest in the macula
        ridges = np.tanh(2.0 * (np.abs(_noise(eye, 9.0, rng) + 0.6 * _noise(eye, 17.0, rng)) - 0.6))
        texture -= np.float32(rng.uniform(0.02, 0.09)) * ridges * np.minimum(1.0, 0.2 + np.hypot(eye.x, eye.y))
    macula = _gaussian(eye, eye.fovea, 0.26) * 0.45 + _gaussian(eye, eye.fovea, 0.085) * 0.55
    layers = draw_vessels(grow_vessels(eye.disc, eye.fovea, rng), eye.x.shape, eye.centre, eye.radius)
    depth, depth_of_macula = rng.uniform(0.65, 1.1), rng.uniform(0.6, 1.3)
    planes = _coloured(1.0 + texture * 0.9, camera.retina)
    planes *= 1.0 - _coloured(macula, np.array([0.2, 0.36, 0.3]) * depth_of_macula)
    _add_disc(planes, eye, camera, rng)
    planes *= 1.0 - _coloured(layers.veins, np.array([0.2, 0.46, 0.36]) * depth)
    planes *= 1.0 - _coloured(layers.arteries, np.array([0.08, 0.34, 0.28]) * depth)
    planes *= 1.0 + _coloured(layers.reflex, np.array([0.12, 0.3, 0.3]))
    if rng.random() < 0.2:  # reflexes of the nerve fibres along the arcades
        near = cv2.GaussianBlur(layers.veins, (0, 0), 0.03 * eye.radius) * _gaussian(eye, eye.disc, 0.55)
        sheen = np.clip(near * np.clip(1.0 + _noise(eye, 14.0, rng), 0.0, 2.0), 0.0, 1.0)
        planes += _coloured(sheen, np.array([18.0, 30.0, 28.0]) * rng.uniform(0.5, 1.5))
    planes *= _illumination(eye, camera, rng)
    return np.asarray(np.clip(planes, 0.0, 255.0, out=planes))


def add_distractors(planes: np.ndarray, eye: Eye, rng: np.random.Generator) -> None:
    """Add hard negatives: bluish-white reflections with softer edges than exudates, a crescent of glare, dust."""
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 4))):
            (x, y), (width, height) = rng.uniform(-0.7, 0.7, 2), rng.uniform(0.015, 0.045, 2)
            reflection = _gaussian(eye, (float(x), float(y)), float(width), float(height))
            planes += _coloured(reflection, np.array([12.0, 30.0, 48.0]) * rng.uniform(0.4, 1.2))
    if rng.random() < 0.12:
        angle = rng.uniform(0.0, 2.0 * np.pi)
        off = np.hypot(eye.x - 0.25 * np.float32(np.cos(angle)), eye.y - 0.25 * np.float32(np.sin(angle)))
        crescent = np.exp(-0.5 * ((off - 1.17) / 0.03) ** 2)
        planes += _coloured(crescent, np.array([38.0, 34.0, 42.0]) * rng.uniform(0.4, 1.3))
    if rng.random() < 0.2:
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(-0.7, 0.7, 2)
            dust = _gaussian(eye, (float(x), float(y)), float(rng.uniform(0.03, 0.06)))
            planes *= 1.0 - np.float32(rng.uniform(0.06, 0.16)) * dust


def expose(pixels: np.ndarray, eye: Eye, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Apply rim, field of view, blur and noise to floats (H, W, 3); returns uint8 (H, W, 3)."""
    distance = np.hypot(eye.x, eye.y)
    rim = np.clip((distance - 0.86) / 0.14, 0.0, 1.0) ** 2
    edge = np.float32(1.5 / eye.radius)
    inside = np.clip((1.0 - distance) / edge, 0.0, 1.0) * np.clip((camera.cut - np.abs(eye.y)) / edge, 0.0, 1.0)
    if camera.notch:
        off = np.maximum(np.abs(eye.x - 0.72), np.abs(eye.y + 0.71))
        inside = np.maximum(inside, np.clip((0.035 - off) / edge, 0.0, 1.0))
    lit = pixels + cv2.merge([rim * tint for tint in camera.rim])
    lit = cv2.multiply(lit, cv2.merge([inside] * 3))
    lit = cv2.GaussianBlur(lit, (0, 0), max(0.35, 0.0013 * eye.radius * rng.uniform(0.6, 1.6)))
    grain = rng.standard_normal(lit.shape, dtype=np.float32)
    lit += cv2.multiply(grain, cv2.merge([np.float32(camera.noise) * (0.3 + 0.7 * inside)] * 3))
    return np.asarray(np.clip(np.rint(lit, out=lit), 0.0, 255.0, out=lit), dtype=np.uint8)


def _coloured(layer: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The layer (H, W) times the colour (3,): (3, H, W) float32."""
    return np.asarray(layer[None].astype(np.float32, copy=False) * colour.astype(np.float32)[:, None, None])


def _noise(eye: Eye, cells: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise (H, W), interpolated from `cells` random values of unit variance per field radius."""
    knots = rng.standard_normal((round(2 * cells) + 5, round(2 * cells) + 5)).astype(np.float32)
    map_x, map_y = (eye.x + 1.0) * np.float32(cells) + 2.0, (eye.y + 1.0) * np.float32(cells) + 2.0
    return np.asarray(cv2.remap(knots, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))


def _window(eye: Eye, centre: tuple[float, float], reach: float) -> tuple[slice, slice]:
    """Rows and columns within `reach` of a place."""
    slices = []
    for place, origin, size in zip(centre[::-1], eye.centre[::-1], eye.x.shape, strict=True):
        first, last = ((place + side * reach) * eye.radius + origin for side in (-1.0, 1.0))
        slices.append(slice(*(int(np.clip(edge, 0, size)) for edge in (np.floor(first), np.ceil(last) + 1))))
    return slices[0], slices[1]


def _gaussian(eye: Eye, centre: tuple[float, float], width: float, height: float | None = None) -> np.ndarray:
    """A Gaussian (H, W) in [0, 1] with these standard deviations, zero beyond four of them."""
    gaussian = np.zeros(eye.x.shape, dtype=np.float32)
    near = _window(eye, centre, 4.0 * max(width, height or width))
    dx, dy = (eye.x[near] - centre[0]) / width, (eye.y[near] - centre[1]) / (height or width)
    gaussian[near] = np.exp(-0.5 * (dx * dx + dy * dy))
    return gaussian


def _within(distance: np.ndarray, edge: float, softness: float) -> np.ndarray:
    """A logistic step: 1 inside the edge, 0.5 on it, 0 outside."""
    return np.asarray(0.5 - 0.5 * np.tanh((distance - edge) / (2.0 * softness)), dtype=np.float32)


def _add_disc(planes: np.ndarray, eye: Eye, camera: Camera, rng: np.random.Generator) -> None:
    """Paint the optic disc with its paler cup and halo and, in some eyes, a crescent of atrophy."""
    near = _window(eye, eye.disc, 4.0 * eye.disc_radius)
    window = planes[:, near[0], near[1]]
    x = (eye.x[near] - eye.disc[0]) / eye.disc_radius
    y = (eye.y[near] - eye.disc[1]) / (eye.disc_radius * rng.uniform(1.0, 1.15))
    distance = np.hypot(x, y) * (1.0 + 0.03 * np.cos(3.0 * np.arctan2(y, x) + rng.uniform(0.0, 6.0)))
    temporal = 1.0 if eye.fovea[0] > eye.disc[0] else -1.0
    level = min(255.0, float(camera.retina.max()) + 40.0)
    pale = level * np.array([1.0, rng.uniform(0.66, 0.84), rng.uniform(0.3, 0.55)])
    pale[1:] = np.maximum(pale[1:], camera.retina[1:] * np.array([1.4, 1.15]))
    glow = np.exp(-np.maximum(0.0, distance - 1.0) / 0.5) * rng.uniform(0.04, 0.14)
    crescent = 0.5 * _within(np.hypot(x - temporal * 0.35, y), 1.12, 0.05) * (rng.random() < 0.2)
    disc = _within(distance, 1.0, 0.055)
    disc = 0.82 * disc * (1.0 + 0.12 * temporal * x * disc)
    cup = 0.4 * _within(np.hypot(x - temporal * 0.12, y) / rng.uniform(0.32, 0.6), 1.0, 0.15)
    for layer, colour in ((glow, pale), (crescent, pale), (disc, pale), (cup, 1.15 * pale + 12.0)):
        window += layer.astype(np.float32) * (colour.astype(np.float32)[:, None, None] - window)


def _illumination(eye: Eye, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Relative brightness (H, W): a linear gradient, a bright spot and vignetting."""
    tilt = rng.uniform(-0.14, 0.14, 2)
    spot = rng.uniform(-0.6, 0.6, 2)
    squared = eye.x * eye.x + eye.y * eye.y
    light = 1.0 + tilt[0] * eye.x + tilt[1] * eye.y - camera.vignetting * squared * (0.4 + 0.6 * squared)
    light += rng.uniform(0.0, 0.2) * _gaussian(eye, (float(spot[0]), float(spot[1])), 0.5)
    return np.asarray(np.maximum(light, 0.15), dtype=np.float32)
