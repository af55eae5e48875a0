"""Image quality: good, usable or ungradable, with the reason.

Simple measures of the field of view (scaled to a diameter of 512 pixels, without its rim) and one table of limits:

    support    share of the circle at which the rim was detected (`field_of_view`); 0 for a natural photograph
    colour     mean of max(R, G, B) - min(R, G, B): near 0 for angiograms, red-free photographs and OCT scans
    red        mean of R - G, relative to the brightness; a retina is reddish, not green or blue
    ordered    share of pixels with R >= G >= B (to 3 levels)
    dark       share of pixels with all channels under 25
    glare      share of pixels whose green channel (the one that shows vessels) is 250 or more
    detail     vessel contrast in per cent: standard deviation of the green channel between sigma 1.5 and 4, relative
               to its surroundings (sigma 16)
    sharpness  detail divided by the same contrast between sigma 3 and 8: blur lowers it, exposure does not

The limits were set on photographs of EyePACS, IDRiD and DiaretDB1: 98 % of them have a sharpness above 0.6, and copies
blurred by 0.8 % of the image width (standard deviation) have at most 0.54. Support and detail separate fundus from
natural photographs. The result is about the picture, not about the eye: an ungradable photograph must never be
reported as healthy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from retina_xai.checks import check_one_of, check_text
from retina_xai.fundus.field_of_view import FieldOfView, field_of_view, square_of
from retina_xai.io.images import Photograph

DIAMETER = 512
MAX_SIDE = 1024

Quality = Literal["good", "usable", "ungradable"]
MAX_REASON_LENGTH = 4000


@dataclass(frozen=True)
class Gradability:
    """The verdict on the quality and its reason (one clause, no full stop).

    Raises:
        InputError: another verdict, or a reason that is not a text.
    """

    verdict: Quality
    reason: str

    def __post_init__(self) -> None:
        """Check both: they are also read from files."""
        check_one_of("image quality", self.verdict, get_args(Quality))
        check_text("reason for the image quality", self.reason, MAX_REASON_LENGTH)


@dataclass(frozen=True)
class Measures:
    """The measures of the module docstring. Shares are in [0, 1], `detail` is in per cent."""

    brightest: float
    darkest: float
    support: float
    colour: float
    red: float
    ordered: float
    dark: float
    glare: float
    detail: float
    sharpness: float

    @property
    def rimless(self) -> bool:
        """Whether it is a crop from inside the field of view: no round border, but colours and texture of a retina."""
        return self.ordered > 0.95 and self.red > 0.12 and self.detail < 4.5


RULES: tuple[tuple[Callable[[Measures], bool], Quality, str], ...] = (
    (lambda m: m.brightest < 25, "ungradable", "almost black: nothing is lit"),
    (lambda m: m.darkest > 235, "ungradable", "almost white: overexposed"),
    (lambda m: m.colour < 6, "ungradable", "grey: an angiogram, red-free photograph or scan, not a colour photograph"),
    (lambda m: m.dark > 0.6, "ungradable", "too dark: most of the field of view is black"),
    (
        lambda m: m.support < 0.7 and not m.rimless,
        "ungradable",
        "no round field of view found: not a fundus photograph, or far too dark",
    ),
    (lambda m: m.red < -0.15 or m.ordered < 0.25, "ungradable", "the colours are not those of a retina"),
    (lambda m: m.detail > 9, "ungradable", "far more texture than a retina has: not a fundus photograph"),
    (lambda m: m.glare > 0.6, "ungradable", "overexposed: most of the field of view is saturated"),
    (lambda m: m.detail < 0.55 or m.sharpness < 0.55, "ungradable", "blurred or hazy: fine vessels are not visible"),
    (lambda m: m.detail < 1 or m.sharpness < 0.7, "usable", "soft: small lesions may be missed"),
    (lambda m: m.dark > 0.2, "usable", "part of the field of view is black"),
    (lambda m: m.glare > 0.25, "usable", "part of the field of view is saturated"),
    (lambda m: m.support < 0.7, "usable", "the border of the field of view is not visible"),
    (lambda m: m.ordered < 0.6, "usable", "unusual colours"),
)


def gradability(photograph: Photograph, view: FieldOfView | None = None) -> Gradability:
    """The result of the first rule that applies; good if none applies. `view`: see `measure`."""
    measures = measure(photograph.pixels, view)
    for applies, verdict, reason in RULES:
        if applies(measures):
            return Gradability(verdict, reason)
    return Gradability("good", "field of view, exposure, colour and sharpness are as expected")


def measure(pixels: np.ndarray, view: FieldOfView | None = None) -> Measures:
    """The measures of an RGB photograph (H, W, 3) uint8.

    `view` is its field of view if already known. It is ignored if a side exceeds 1024 pixels: the limits were set on
    the field of view of the downscaled picture, which differs slightly.
    """
    scale = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
    shape = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA)
    view = field_of_view(small) if view is None or scale < 1 else view
    square, mask, _ = square_of(small, view, DIAMETER)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((31, 31), np.uint8), borderValue=0) > 0
    inner = inner if inner.any() else mask
    colours = square[inner].astype(np.float32)
    red, green, blue = colours.T
    most, least = colours.max(axis=1), colours.min(axis=1)
    detail, sharpness = _sharpness(square[..., 1].astype(np.float32), inner)
    return Measures(
        brightest=float(np.percentile(small.max(axis=2), 95)),
        darkest=float(np.percentile(small.min(axis=2), 5)),
        support=view.support,
        colour=float((most - least).mean()),
        red=float((red - green).mean() / max(1.0, most.mean())),
        ordered=float(((red >= green - 3) & (green >= blue - 3)).mean()),
        dark=float((most < 25).mean()),
        glare=float((green >= 250).mean()),
        detail=detail,
        sharpness=sharpness,
    )


def _sharpness(green: np.ndarray, inner: np.ndarray) -> tuple[float, float]:
    """Detail (per cent) and sharpness: band-pass contrasts of the green channel."""
    surroundings = np.maximum(_blurred(green, 16), 16)

    def contrast(fine: float, coarse: float) -> float:
        band = (_blurred(green, fine) - _blurred(green, coarse)) / surroundings
        return 100 * float(np.sqrt(np.mean(band[inner] ** 2)))

    detail = contrast(1.5, 4)
    return detail, detail / max(contrast(3, 8), 0.01)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), sigma)
