"""Decisions on damaged referable photographs, everyday photographs and good ones, for the table in docs/safety.md.

    PYTHONPATH=.:tests .venv/bin/python tests/bench/unfit_pictures.py DATA

DATA is the folder of RETINA_XAI_DATA. The referable photographs are those of eyepacs/test with grade 2 to 4 that the
network refers; no limit of the quality check was set on them.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from faults.test_unfit_pictures import DAMAGES, round_mask
from helpers.arrays import photograph_of
from rich.console import Console

from retina_xai.io.images import Photograph, find_images, read_image
from retina_xai.localization import predict
from retina_xai.models.checkpoint import load_classifier
from retina_xai.verdict import DECISIONS, REFER


def referable(data: Path, decide: Callable[[Photograph], str]) -> list[Photograph]:
    """Photographs of grade 2 to 4 that are referred."""
    grades = pd.read_csv(data / "eyepacs" / "retinopathy_solution.csv").set_index("image")["level"]
    paths = [path for path in find_images([data / "eyepacs" / "test"]) if grades[path.stem] >= 2]
    return [one for one in map(read_image, paths) if decide(one) == REFER]


def main() -> None:
    """Print one line for each kind of picture: its decisions."""
    data, classifier, console = Path(sys.argv[1]), load_classifier(), Console(width=120)

    def decide(photograph: Photograph) -> str:
        return predict(photograph, classifier).decision

    def show(name: str, photographs: Iterable[Photograph]) -> None:
        found = [decide(photograph) for photograph in photographs]
        counts = ", ".join(f"{decision} {found.count(decision)}" for decision in DECISIONS)
        console.print(f"{name} ({len(found)}): {counts}")

    eyes = referable(data, decide)
    show("referable, undamaged", eyes)
    for name, damage in DAMAGES.items():
        show(name, (photograph_of(damage(eye.pixels), eye.name) for eye in eyes))
    everyday = [read_image(path) for path in find_images([data / "imagenet" / "val"])]
    show("everyday", everyday)
    show("everyday, round mask", (photograph_of(round_mask(one.pixels), one.name) for one in everyday))
    for folder in ("drimdb/good", "idrid/images", "eyepacs/test"):
        show(folder, map(read_image, find_images([data / folder])))


if __name__ == "__main__":
    main()
