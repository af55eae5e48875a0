"""What goes with an exported network: the facts of the weights, a self-test, and a card that a person reads.

The facts are one JSON object: hash of the weights, architecture, classes, preprocessing, threshold and margin of the
decision, facts of the training (with those of `retina-xai calibrate`), and the self-test: a square as PNG in base64
and the score that the network gives for it, so that every platform can check its copy.
"""

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image

from retina_xai import __version__
from retina_xai.errors import ModelError
from retina_xai.model_export.square_score import SquareScore
from retina_xai.models.checkpoint import RdrClassifier, self_test_score
from retina_xai.models.self_test import self_test_picture
from retina_xai.records import model_facts
from retina_xai.verdict import MARGIN

TOLERANCE = 1e-5
"""Largest accepted difference between the scores of an export and of `predict`."""


def export_facts(classifier: RdrClassifier) -> dict[str, Any]:
    """The facts of the module docstring."""
    size = classifier.facts.preprocessing.size
    return {
        "retina_xai": __version__,
        "weights": model_facts(classifier),
        "margin": MARGIN,
        "training": dict(classifier.facts.training),
        "self_test": {
            "score": self_test_score(classifier),
            "tolerance": 1e-4,
            "square_png_base64": base64.b64encode(png_of(self_test_picture(size))).decode(),
        },
    }


def self_test_square(size: int) -> torch.Tensor:
    """The square of the self-test, (1, 3, size, size) uint8."""
    return torch.from_numpy(np.ascontiguousarray(self_test_picture(size).transpose(2, 0, 1)))[None]


def check_score(what: str, score: float, classifier: RdrClassifier) -> None:
    """Compare the score that an export gives for the square of the self-test with that of the weights.

    Raises:
        ModelError: they differ by more than `TOLERANCE`.
    """
    if not abs(score - (expected := self_test_score(classifier))) <= TOLERANCE:
        raise ModelError(
            f"{what} scores the self-test with {score:.6f}, expected {expected:.6f}: nothing was written; "
            "install the versions of constraints.txt"
        )


def graph_of(classifier: RdrClassifier) -> SquareScore:
    """The checked graph of a classifier.

    Raises:
        ModelError: it does not give the score of the self-test.
    """
    graph = SquareScore.of(classifier)
    with torch.no_grad():
        score = float(graph(self_test_square(classifier.facts.preprocessing.size))[0, 0])
    check_score("the network with its preprocessing", score, classifier)
    return graph


def png_of(pixels: np.ndarray) -> bytes:
    """Pixels (H, W, 3) uint8 as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def card(facts: Mapping[str, Any]) -> str:
    """The card, Markdown."""
    weights, test = facts["weights"], facts["self_test"]
    size, threshold, margin = weights["preprocessing"]["size"], weights["threshold"], facts["margin"]
    site = (
        "Fitted to a site by `retina-xai calibrate`; its figures are below."
        if "site" in facts["training"]
        else (
            "Not fitted to a site: scores are no probabilities. `retina-xai calibrate` fits them to your photographs."
        )
    )
    figures = "\n".join(f"- {name}: {value}" for name, value in _plain(facts["training"]).items())
    return CARD.format(
        version=facts["retina_xai"], sha256=weights["sha256"], network=f"{weights['architecture']}, width "
        f"{weights['width']:g}", size=size, threshold=threshold, low=threshold - margin, high=threshold + margin,
        site=site, figures=figures or "- none", score=test["score"], tolerance=test["tolerance"],
    )  # fmt: skip


def _plain(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested facts as one level of names with dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found.update(_plain(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value})
    return found


CARD = """# Referable diabetic retinopathy from a colour fundus photograph

Research use only: not a medical device, not for diagnosis, not validated on any clinical population.

| | |
|---|---|
| made by | retina_xai {version} |
| weights | SHA-256 {sha256} |
| network | {network} |
| input | squares (N, 3, {size}, {size}), RGB, 0-255, black outside the field of view |
| output | p(RDR), (N, 1), 0 to 1: grade 2 or more on the international scale |
| threshold | {threshold:.6f} |

## Decision

| quality of the photograph | p < {low:.6f} | between | p >= {high:.6f} |
|---|---|---|---|
| good | no referable DR found | not sure | refer |
| usable | ungradable | not sure | refer |
| ungradable | ungradable | ungradable | ungradable |

{site}

## What is inside, and what is not

Inside the network: the normalisation (with the local background) and the softmax. Not inside: the square around the
field of view (`retina_xai.fundus.preprocessing.prepare`) and the quality check
(`retina_xai.fundus.quality.gradability`). Both are part of the method: a photograph that is only resized gets another
score, and a score without the quality check is no decision.

    from retina_xai import read_image
    from retina_xai.fundus.preprocessing import prepare

    square = prepare(read_image("photograph.jpg"), {size}).pixels.transpose(2, 0, 1)[None]

## Self-test

The square of the self-test has the score {score:.6f}; a difference above {tolerance:g} means damage, or
another computation.

## Training and calibration

{figures}
"""
