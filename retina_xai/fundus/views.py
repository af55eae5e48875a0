"""Views of a fundus photograph for human readers: red-free and contrast-limited (CLAHE). No network uses them.

Red-free is the green channel, in which vessels and red lesions are darkest and exudates brightest. It is stretched so
that the darkest and brightest half per cent of the pixels that are not black become 0 and 255. CLAHE equalises the
lightness L* in 8 x 8 tiles with a clip limit of 2 (Zuiderveld, "Contrast limited adaptive histogram equalization",
Graphics Gems IV, 1994) and keeps the hue. Both leave the black surroundings unchanged.
"""

import cv2
import numpy as np

BLACK = 20
TAIL = 0.5
CLIP_LIMIT, TILES = 2.0, (8, 8)


def red_free(pixels: np.ndarray) -> np.ndarray:
    """The stretched green channel of a photograph (H, W, 3) uint8, as (H, W) uint8."""
    green = pixels[..., 1]
    lit = green[pixels.max(axis=2) > BLACK]
    if lit.size == 0:
        return green.copy()
    low, high = np.percentile(lit, [TAIL, 100 - TAIL])
    table = np.clip((np.arange(256) - low) / max(high - low, 1) * 255, 0, 255)
    return np.asarray(cv2.LUT(green, np.rint(table).astype(np.uint8)))


def clahe(pixels: np.ndarray) -> np.ndarray:
    """A photograph (H, W, 3) uint8 with its lightness equalised tile by tile, the same shape and type."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(CLIP_LIMIT, TILES).apply(lab[..., 0])
    black = (pixels.max(axis=2) <= BLACK)[..., None]
    return np.asarray(np.where(black, pixels, cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)))
