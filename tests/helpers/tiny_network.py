"""A `Network` with the tiny test model, and photographs for it."""

import numpy as np
from helpers.networks import TinyNet

from retina_xai.io.images import write_png
from retina_xai.models.imagenet import ImagenetPreprocessing
from retina_xai.models.network import Network

CLASSES = ("cat", "dog", "house", "tree", "lake")
RULES = ImagenetPreprocessing(size=32, resize=36)


def tiny_network(model=None, classes=CLASSES, name="tiny"):
    """Five classes, images of 32 x 32."""
    return Network(model or TinyNet(len(classes)).eval(), name, tuple(classes), RULES, "state:0")


def photographs(folder, names, seed=0):
    """Smooth random photographs of 96 x 80 pixels, one per name."""
    rng = np.random.default_rng(seed)
    for name in names:
        coarse = rng.integers(0, 256, (6, 5, 3)).astype(np.uint8)
        write_png(folder / f"{name}.png", np.repeat(np.repeat(coarse, 16, axis=0), 16, axis=1))
    return tuple(sorted(folder.glob("*.png")))
