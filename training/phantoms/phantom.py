"""Phantoms: synthetic fundus photographs with the four lesion types of diabetic retinopathy and exact masks.

They contain no patient data, so they can be distributed, and used to test training, localization and evaluation. The
healthy photograph is drawn by `healthy_retina`, the lesions by `lesion_painter`. Lengths are in radii of the field of
view, so a seed gives the same eye at every size.

Grades follow the International Clinical Diabetic Retinopathy scale by visible lesions: 0 none; 1 a few red small dots
only; 2 more of them or some other lesions; 3 and 4 many. Referable (RDR) is grade >= 2. Referable phantoms have a
random subset of the four types (grade 2 may have one type only), so a network must learn all types. A phantom with red
small dots only is referable if there are many of them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from retina_xai.errors import UsageError
from retina_xai.grades.photographs import REFERABLE
from retina_xai.lesions.annotation import LESION_TYPES
from retina_xai.training.phantoms.healthy_retina import (
    Camera,
    Eye,
    add_distractors,
    draw_camera,
    draw_eye,
    expose,
    retina,
)
from retina_xai.training.synthesis.lesion_painter import LesionPatch, paint_patch

GRADES = (0, 1, 2, 3, 4)
GRADE_SHARES = (0.735, 0.07, 0.15, 0.025, 0.02)  # of the 35,126 training photographs of EyePACS

# number of lesions per type: (low, high) inclusive, by grade group
COUNTS: dict[str, dict[int, tuple[int, int]]] = {
    "red_small_dots": {2: (10, 18), 3: (16, 30), 4: (22, 40)},
    "haemorrhages": {2: (3, 7), 3: (6, 14), 4: (10, 20)},
    "hard_exudates": {2: (2, 4), 3: (3, 7), 4: (4, 9)},
    "soft_exudates": {2: (3, 5), 3: (3, 5), 4: (3, 7)},
}
FEW_DOTS = (1, 3)  # of grade 1
SIZES: dict[str, tuple[float, float]] = {  # radius in field radii
    "red_small_dots": (0.006, 0.010),
    "haemorrhages": (0.016, 0.045),
    "hard_exudates": (0.03, 0.075),
    "soft_exudates": (0.035, 0.07),
}


@dataclass(frozen=True)
class PhantomSettings:
    """Settings of phantoms. The defaults are realistic; DEMO is for small networks trained in minutes on a CPU.

    lesion_scale: factor on lesion radii.
    dot_scale: additional factor on radii of red small dots (at an input size of 200 pixels, dots are invisible if the
        product of both factors is below about 1.6).
    lesion_contrast: as in `paint_patch`.
    eye: "left" has its disc on the left; None draws a side.
    camera_seed: photographs with the same camera seed have the same hue and field of view; None takes the phantom's.
    types: lesion types of a referable phantom; None draws a subset.
    """

    lesion_scale: float = 1.0
    dot_scale: float = 1.0
    lesion_contrast: float = 1.0
    eye: Literal["left", "right"] | None = None
    camera_seed: int | None = None
    types: tuple[str, ...] | None = None


DEMO = PhantomSettings(lesion_scale=1.2, dot_scale=1.5, lesion_contrast=1.5)


@dataclass(frozen=True)
class Phantom:
    """A synthetic photograph and its ground truth, in pixels of the photograph.

    pixels: (H, W, 3) uint8 RGB. masks: lesion type -> (H, W) bool, all four types. disc: x, y, radius.
    fovea: x, y. field: x, y, radius of the field of view. lesions: one patch per lesion, in the order painted.
    """

    pixels: np.ndarray
    masks: dict[str, np.ndarray]
    grade: int
    disc: tuple[float, float, float]
    fovea: tuple[float, float]
    field: tuple[float, float, float]
    lesions: tuple[LesionPatch, ...]

    @property
    def referable(self) -> bool:
        """Whether the grade is referable diabetic retinopathy."""
        return self.grade >= REFERABLE


def make_phantom(
    seed: int,
    height: int = 448,
    width: int = 448,
    grade: int | None = None,
    settings: PhantomSettings | None = None,
) -> Phantom:
    """Draw one phantom; the same arguments give the same bytes.

    Args:
        seed: any non-negative integer.
        height: of the photograph, at least 64 pixels.
        width: likewise.
        grade: 0-4; None draws one with the frequencies of EyePACS.
        settings: None is PhantomSettings().

    Raises:
        UsageError: a size below 64, a grade outside 0-4, a negative seed, or settings out of range.
    """
    settings = settings or PhantomSettings()
    _check(seed, height, width, grade, settings)
    streams = [np.random.default_rng([seed, part]) for part in range(6)]
    if grade is None:
        grade = int(streams[0].choice(GRADES, p=GRADE_SHARES))
    camera_seed = seed if settings.camera_seed is None else settings.camera_seed
    camera = draw_camera(np.random.default_rng([camera_seed, 6]))
    eye = draw_eye(height, width, camera, settings.eye, streams[1])
    planes = retina(eye, camera, streams[2])
    add_distractors(planes, eye, streams[4])
    pixels = np.ascontiguousarray(np.clip(planes, 0.0, 255.0).transpose(1, 2, 0))
    lesions = _paint_lesions(pixels, eye, camera, lesion_plan(grade, settings, streams[3]), streams[3], settings)
    finished = expose(pixels, eye, camera, streams[5])
    masks = {kind: np.zeros((height, width), dtype=bool) for kind in LESION_TYPES}
    for lesion in lesions:
        masks[lesion.lesion_type][lesion.box] |= lesion.mask
    (cx, cy), radius = eye.centre, eye.radius
    disc = (cx + eye.disc[0] * radius, cy + eye.disc[1] * radius, eye.disc_radius * radius)
    fovea = (cx + eye.fovea[0] * radius, cy + eye.fovea[1] * radius)
    return Phantom(finished, masks, grade, disc, fovea, (cx, cy, radius), lesions)


def lesion_plan(grade: int, settings: PhantomSettings, rng: np.random.Generator) -> list[tuple[str, float]]:
    """Random lesions of a grade as (type, radius in field radii); types are drawn unless given in the settings."""
    if grade == 0:
        return []
    if grade == 1:
        counts = {"red_small_dots": int(rng.integers(FEW_DOTS[0], FEW_DOTS[1] + 1))}
    else:
        fewest = 1 if grade == 2 else 2
        number = int(rng.integers(fewest, len(LESION_TYPES) + 1))
        drawn = tuple(rng.permutation(LESION_TYPES)[:number])
        chosen = [kind for kind in LESION_TYPES if kind in (settings.types or drawn)]
        counts = {kind: int(rng.integers(COUNTS[kind][grade][0], COUNTS[kind][grade][1] + 1)) for kind in chosen}
    scales = {"red_small_dots": settings.dot_scale}
    return [
        (kind, float(rng.uniform(*SIZES[kind])) * settings.lesion_scale * scales.get(kind, 1.0))
        for kind, count in counts.items()
        for _ in range(count)
    ]


def _paint_lesions(
    pixels: np.ndarray,
    eye: Eye,
    camera: Camera,
    plan: list[tuple[str, float]],
    rng: np.random.Generator,
    settings: PhantomSettings,
) -> tuple[LesionPatch, ...]:
    """Paint the planned lesions inside the field of view and outside the disc."""
    patches = []
    for kind, size in plan:
        x, y = _free_place(eye, camera, size, rng)
        centre = (eye.centre[0] + x * eye.radius, eye.centre[1] + y * eye.radius)
        patches.append(paint_patch(pixels, kind, centre, size * eye.radius, rng, settings.lesion_contrast))
    return tuple(patches)


def _free_place(eye: Eye, camera: Camera, size: float, rng: np.random.Generator) -> tuple[float, float]:
    """A random place for a lesion inside the field of view and outside the disc."""
    reach = 0.93 - 1.3 * size
    while True:
        distance, angle = reach * np.sqrt(rng.random()), rng.uniform(0.0, 2.0 * np.pi)
        x, y = float(distance * np.cos(angle)), float(distance * np.sin(angle))
        clear = np.hypot(x - eye.disc[0], y - eye.disc[1]) > 1.25 * eye.disc_radius + 1.2 * size
        if clear and abs(y) < camera.cut - 0.05 - 1.3 * size:
            return x, y


def _check(seed: int, height: int, width: int, grade: int | None, settings: PhantomSettings) -> None:
    if seed < 0:
        raise UsageError(f"seed {seed}: expected 0 or more; give a non-negative integer")
    if min(height, width) < 64:
        raise UsageError(f"{height}x{width}: a phantom is at least 64x64 pixels; give a larger height and width")
    if grade is not None and grade not in GRADES:
        raise UsageError(f"grade {grade}: expected 0, 1, 2, 3 or 4; give one of them or None")
    if not (min(settings.lesion_scale, settings.dot_scale) > 0.0 and settings.lesion_contrast > 0.0):
        raise UsageError(
            f"lesion scale {settings.lesion_scale}, dot scale {settings.dot_scale} and contrast "
            f"{settings.lesion_contrast} must all be above 0; 1 is realistic"
        )
    unknown = set(settings.types or ()) - set(LESION_TYPES)
    if unknown:
        raise UsageError(f"lesion types {sorted(unknown)} are unknown; choose from {', '.join(LESION_TYPES)}")
