"""How far dust on the sensor changes p(RDR): specks painted out, and drawn into clean photographs of other cameras.

    python tests/bench/dust.py --data diaretdb1/ --clean idrid/ --clean mexico/ --weights FILE [--weights FILE]

DiaretDB1's photographs have two specks, at (937, 468) and (1037, 467). The control paints out equal disks 85 pixels
below and above. A drawn speck has the size and the depth of these two, and lies at a random place of the field of view.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from retina_xai.fundus.field_of_view import field_of_view
from retina_xai.io.images import Photograph, find_images, read_image
from retina_xai.lesions.shapes import Disk
from retina_xai.localization import predict, predict_without
from retina_xai.models.checkpoint import RdrClassifier, load_classifier

PLACES = ((937, 468), (1037, 467))
RADIUS = 14.0
AWAY = 85
LOOK = 40  # pixels around a place in which a speck and its surroundings are measured
SPECKS = 2
show = Console(soft_wrap=True).print


def disks(shift: int) -> list[Disk]:
    """The places of the specks, shifted downwards."""
    return [Disk(x, y + shift, RADIUS) for x, y in PLACES]


def transmission(photographs: Sequence[Photograph]) -> np.ndarray:
    """The light that a speck lets through, (2 LOOK + 1, 2 LOOK + 1, 3): median over photographs and places.

    It is the ratio to the same window with the speck painted out. Blue is taken as green: a retina reflects hardly any.
    """
    ratios = []
    for photograph in photographs:
        for x, y in PLACES:
            window = photograph.pixels[y - LOOK : y + LOOK + 1, x - LOOK : x + LOOK + 1]
            speck = np.zeros(window.shape[:2], np.uint8)
            cv2.circle(speck, (LOOK, LOOK), round(RADIUS), 1, -1)
            clean = cv2.inpaint(window, speck, 3, cv2.INPAINT_TELEA)
            ratios.append(np.where(speck[..., None] > 0, (window + 1.0) / (clean + 1.0), 1.0))
    light = np.minimum(np.median(ratios, axis=0), 1.0).astype(np.float32)
    light[..., 2] = light[..., 1]
    return light


def dusty(photograph: Photograph, light: np.ndarray, diameter: float, rng: np.random.Generator) -> Photograph:
    """A copy with `SPECKS` specks inside the field of view; their size is that of a view of `diameter` pixels."""
    pixels, inside = photograph.pixels.astype(np.float32), field_of_view(photograph.pixels).mask
    scale = 2 * float(np.sqrt(inside.sum() / np.pi)) / diameter
    speck = cv2.resize(light, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    half = len(speck) // 2
    rows, columns = np.nonzero(
        cv2.erode(
            inside.astype(np.uint8), np.ones((2 * half + 1,) * 2, np.uint8), None, (-1, -1), 1, cv2.BORDER_CONSTANT, 0
        )
    )
    for _ in range(SPECKS):
        chosen = int(rng.integers(len(rows)))
        top, left = rows[chosen] - half, columns[chosen] - half
        pixels[top : top + len(speck), left : left + len(speck)] *= speck
    return replace(photograph, pixels=np.round(pixels).astype(np.uint8))


def changes(photographs: Sequence[Photograph], classifier: RdrClassifier) -> Iterator[tuple[float, float, float]]:
    """p(RDR), p without the specks and p without the control, of each photograph."""
    for photograph in photographs:
        score = predict(photograph, classifier).score
        without = [predict_without(photograph, classifier, disks(0)).score]
        without += [predict_without(photograph, classifier, disks(shift)).score for shift in (AWAY, -AWAY)]
        yield score, without[0], without[1 + int(abs(without[2] - score) > abs(without[1] - score))]


def line(what: str, change: np.ndarray) -> None:
    """Median, 95th percentile and largest change."""
    size = np.abs(change)
    middle, high = np.quantile(size, (0.5, 0.95))
    show(f"{what}: n {len(size)}, median {middle:.3f}, 95 % {high:.3f}, most {size.max():.3f}")


def main() -> None:
    """Measure every network on the same photographs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="DiaretDB1 photographs")
    parser.add_argument("--clean", type=Path, action="append", required=True, help="photographs of another camera")
    parser.add_argument("--weights", type=Path, action="append", default=[], help="default: the package's")
    parser.add_argument("--limit", type=int, default=60, help="photographs per folder of --clean")
    chosen = parser.parse_args()
    own = [read_image(path) for path in find_images([chosen.data]) if "image" in path.name]
    light, diameter = (
        transmission(own),
        2 * float(np.median([field_of_view(p.pixels).mask.sum() for p in own]) / np.pi) ** 0.5,
    )
    least = light.min(axis=(0, 1)).round(2)
    show(f"a speck lets through {least} of red, green and blue; field of view {diameter:.0f} px")
    others = {}
    for folder in chosen.clean:
        found = find_images([folder])
        rng = np.random.default_rng(0)
        picked = [found[k] for k in sorted(rng.choice(len(found), min(chosen.limit, len(found)), replace=False))]
        clean = [read_image(path) for path in picked]
        others[folder.name] = [(one, dusty(one, light, diameter, rng)) for one in clean]
    for weights in chosen.weights or [None]:
        classifier = load_classifier(weights)
        show(f"\n{weights or 'the package'}")
        scores = np.array(list(changes(own, classifier)))
        line("specks painted out", scores[:, 1] - scores[:, 0])
        line("control, painted out (the larger of two)", scores[:, 2] - scores[:, 0])
        for name, pairs in others.items():
            line(
                f"specks drawn into {name}",
                np.array([predict(b, classifier).score - predict(a, classifier).score for a, b in pairs]),
            )


if __name__ == "__main__":
    main()
