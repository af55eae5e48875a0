"""Phantoms with their exact masks, as an annotated data set of the layout `masks-folder`."""

from pathlib import Path

from PIL import Image

from retina_xai.training.phantoms.phantom import PhantomSettings, make_phantom

TYPES = {"haemorrhages": "HE", "hard_exudates": "EX"}


def marked_phantom(folder: Path, name: str = "eye", seed: int = 3) -> Path:
    """Write one phantom with masks of two lesion types into the data set in `folder`."""
    phantom = make_phantom(seed, 96, 120, 3, PhantomSettings(types=tuple(TYPES)))
    for place, pixels in {"images": phantom.pixels, **{TYPES[key]: phantom.masks[key] for key in TYPES}}.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / place / f"{name}.png")
    return folder
