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
    isotropy   the gradients of `detail`: strength in the weakest direction over that in the strongest (eigenvalues of
               the structure tensor). Vessels run in all directions; motion blur removes one of them
    texture    the same contrast as `detail` between sigma 6 and 16: high for natural photographs
    noise      standard deviation of the noise in grey levels (Immerkaer, "Fast noise variance estimation", CVIU 1996),
               of the green channel, with the longer side scaled to at most 1024 pixels
    saturation mean of (max(R, G, B) - min(R, G, B)) / max(R, G, B)
    flat       share of blocks of 16 x 16 pixels whose green channel has a range of at most 1: no photograph, such as
               the grey area of a damaged JPEG file
    diameter   diameter of the field of view in pixels of the file

"Ungradable": no statement about the eye is possible. "Usable": lesions can be found, but their absence cannot be
stated (see `verdict`). The limits were set on about 550 photographs of EyePACS, IDRiD, DiaretDB1, DRIMDB and of a
Mexican set, on 200 natural photographs, plain and in a round mask, and on 44 referable photographs after motion blur,
noise, scaling, tinting, and with a grey or black half. Each limit of "usable" excludes at most about 2 % of them.
A photograph that passes all rules is "usable", too, where the learned score of `quality_score` is below its limit.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

import cv2
import numpy as np

from retina_xai.checks import check_one_of, check_share, check_text
from retina_xai.fundus.field_of_view import FieldOfView, field_of_view, square_of
from retina_xai.fundus.quality_score import features_of, shipped_score
from retina_xai.io.images import Photograph

DIAMETER = 512
MAX_SIDE = 1024

Quality = Literal["good", "usable", "ungradable"]
MAX_REASON_LENGTH = 4000


@dataclass(frozen=True)
class Gradability:
    """The verdict on the quality, its reason (one clause, no full stop), and the learned score in [0, 1].

    The score is None in results of versions that had none.

    Raises:
        InputError: another verdict, a reason that is not a text, or a score outside [0, 1].
    """

    verdict: Quality
    reason: str
    score: float | None = None

    def __post_init__(self) -> None:
        """Check both: they are also read from files."""
        check_one_of("image quality", self.verdict, get_args(Quality))
        check_text("reason for the image quality", self.reason, MAX_REASON_LENGTH)
        if self.score is not None:
            check_share("quality score", self.score)


@dataclass(frozen=True)
class Measures:
    """The measures of the module docstring. Shares are in [0, 1], `detail` and `texture` are in per cent."""

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
    isotropy: float
    texture: float
    noise: float
    saturation: float
    flat: float
    diameter: float

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
    (
        lambda m: m.detail > 9 or m.texture > 12.5,
        "ungradable",
        "far more texture than a retina has: not a fundus photograph",
    ),
    (lambda m: m.noise > 6, "ungradable", "noise hides small lesions"),
    (lambda m: m.diameter < 200, "ungradable", "too few pixels: small lesions are not visible"),
    (lambda m: m.glare > 0.6, "ungradable", "overexposed: most of the field of view is saturated"),
    (lambda m: m.detail < 0.55 or m.sharpness < 0.55, "ungradable", "blurred or hazy: fine vessels are not visible"),
    (lambda m: m.flat > 0.1, "ungradable", "part of the picture is missing: an area without any structure"),
    (lambda m: m.isotropy < 0.3, "ungradable", "blurred in one direction: the camera or the eye moved"),
    (lambda m: m.detail < 0.9 or m.sharpness < 0.66, "usable", "soft: small lesions may be missed"),
    (lambda m: m.isotropy < 0.4, "usable", "soft in one direction: small lesions may be missed"),
    (lambda m: m.noise > 2.5, "usable", "noisy: small lesions may be missed"),
    (lambda m: m.diameter < 350, "usable", "few pixels: small lesions may be missed"),
    (lambda m: m.dark > 0.2, "usable", "part of the field of view is black"),
    (lambda m: m.glare > 0.25, "usable", "part of the field of view is saturated"),
    (lambda m: m.flat > 0.02, "usable", "an area of the picture has no structure"),
    (lambda m: m.texture > 9, "usable", "unusual texture"),
    (lambda m: m.support < 0.7, "usable", "the border of the field of view is not visible"),
    (lambda m: m.saturation < 0.2 or m.red < 0.08 or m.ordered < 0.65, "usable", "unusual colours"),
)


def gradability(photograph: Photograph, view: FieldOfView | None = None) -> Gradability:
    """The verdict of the rules; a good one becomes usable where the learned score is low. `view`: see `measure`."""
    measures = measure(photograph.pixels, view)
    learned = shipped_score()
    score = float(learned.of(features_of(asdict(measures))[None])[0])
    found = replace(by_rules(measures), score=score)
    if found.verdict == "good" and score < learned.limit:
        return Gradability(
            "usable", f"quality score {score:.2f} (good: {learned.limit:.2f}): lesions may be missed", score
        )
    return found


def by_rules(measures: Measures) -> Gradability:
    """The result of the first rule that applies; good if none applies. Without a score."""
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
    lit = colours[most >= 25]
    return Measures(
        brightest=float(np.percentile(small.max(axis=2), 95)),
        darkest=float(np.percentile(small.min(axis=2), 5)),
        support=view.support,
        colour=float((most - least).mean()),
        red=float((red - green).mean() / max(1.0, most.mean())),
        ordered=float(((red >= green - 3) & (green >= blue - 3)).mean()),
        dark=float((most < 25).mean()),
        glare=float((green >= 250).mean()),
        **_contrasts(square[..., 1].astype(np.float32), inner),
        noise=_noise(small[..., 1].astype(np.float32), view.mask),
        saturation=float((np.ptp(lit, axis=1) / lit.max(axis=1)).mean()) if lit.size else 0.0,
        flat=_flat(square, inner),
        diameter=2 * view.radius / scale,
    )


def _contrasts(green: np.ndarray, inner: np.ndarray) -> dict[str, float]:
    """The measures from band-pass contrasts of the green channel: detail, sharpness, isotropy and texture."""
    blurred = {sigma: _blurred(green, sigma) for sigma in (1.5, 3, 4, 6, 8, 16)}
    surroundings = np.maximum(blurred[16], 16)

    def band(fine: float, coarse: float) -> np.ndarray:
        return np.asarray((blurred[fine] - blurred[coarse]) / surroundings)

    def contrast(fine: float, coarse: float) -> float:
        return 100 * float(np.sqrt(np.mean(band(fine, coarse)[inner] ** 2)))

    detail = contrast(1.5, 4)
    return {
        "detail": detail,
        "sharpness": detail / max(contrast(3, 8), 0.01),
        "isotropy": _isotropy(band(1.5, 4), inner),
        "texture": contrast(6, 16),
    }


def _isotropy(band: np.ndarray, inner: np.ndarray) -> float:
    """Ratio of the eigenvalues of the mean structure tensor, in [0, 1]; 1 if there are no gradients."""
    x, y = (cv2.Sobel(band, cv2.CV_32F, *axis)[inner] for axis in ((1, 0), (0, 1)))
    tensor = np.cov(np.stack([x, y]), bias=True)
    least, most = np.linalg.eigvalsh(tensor)
    return float(max(least, 0) / most) if most > 1e-12 else 1.0


def _noise(green: np.ndarray, mask: np.ndarray) -> float:
    """Immerkaer's estimate inside the mask; 0 for a mask that is too small."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    laplacian = cv2.filter2D(green, -1, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32))
    return float(np.abs(laplacian[inner]).mean() * np.sqrt(np.pi / 2) / 6) if inner.any() else 0.0


def _flat(square: np.ndarray, inner: np.ndarray) -> float:
    """Share of flat blocks inside the field of view; black and saturated blocks are not counted as flat."""
    blocks = (DIAMETER // 16, 16, DIAMETER // 16, 16)
    green = square[..., 1].reshape(blocks)
    low, high = green.min(axis=(1, 3)).astype(int), green.max(axis=(1, 3)).astype(int)
    lit = square.max(axis=2).reshape(blocks).max(axis=(1, 3)) >= 25
    inside = inner.reshape(blocks).all(axis=(1, 3))
    flat = (high - low <= 1) & lit & (low < 250) & inside
    return float(flat.sum() / max(1, inside.sum()))


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), sigma)
