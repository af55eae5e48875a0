"""From one photograph to its verdict, evidence and lesion candidates, all in file pixels.

    photograph -> gradability, field of view, network input -> p(RDR) -> explanation -> evidence -> candidates

The paper's protocol ("fgvis") is FGVis supplement A4.2: the defended deletion game for the class RDR, lambda 1e-10,
learning rate 0.25, until p(RDR) < 0.10 or for 500 steps. The default protocol ("retina") is ours; see
`explainers.retina`. Our additions: evidence outside the field of view is removed, because the black border is not
retina, and so is evidence of at most `thresholds.FLOOR`, the noise of the start mask. An ungradable photograph is
scored but not explained. Only a good photograph can be reported as free of disease (`verdict`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from retina_xai.errors import InputError
from retina_xai.explainers.explainer import Explainer, Explanation
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.fundus.geometry import FileRows, Geometry
from retina_xai.fundus.preprocessing import FundusImage, prepare
from retina_xai.fundus.quality import gradability
from retina_xai.games.engine import OnStep
from retina_xai.games.references import reference_for
from retina_xai.io.images import Photograph
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.candidates import lesion_candidates
from retina_xai.lesions.outlines import mask_of
from retina_xai.lesions.shapes import Disk, Outline
from retina_xai.lesions.thresholds import FLOOR, FRACTION
from retina_xai.metrics.removal import log_odds_without
from retina_xai.models.checkpoint import RDR, RdrClassifier
from retina_xai.row_bands import whole
from retina_xai.verdict import Verdict

DEFAULT_METHOD = "retina"
MAX_EFFECTS = 64
"""Candidates whose effect is measured, those with the largest evidence. Each costs one pass of the network."""


@dataclass(frozen=True, eq=False)
class EvidenceRows:
    """The evidence in file pixels, computed for the rows that are asked for; see the module docstring."""

    values: FileRows
    inside: FileRows

    @classmethod
    def of(cls, fundus: FundusImage, evidence: np.ndarray | np.float32) -> "EvidenceRows":
        """The evidence of the network's pixels, (size, size) or one value for all."""
        geometry, inside = fundus.geometry, fundus.field_of_view
        return cls(geometry.rows_in_file(evidence * inside), geometry.rows_in_file(inside, order=0))

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the file."""
        return self.values.shape

    def __getitem__(self, rows: slice) -> np.ndarray:
        """These rows, float32 in [0, 1]."""
        values = self.values[rows]
        shown = (self.inside[rows] > 0) & (values > FLOOR)
        return np.asarray(np.clip(np.where(shown, values, 0), 0, 1), np.float32)


@dataclass(frozen=True, eq=False)
class Localization:
    """A verdict with evidence (H, W) float32 in [0, 1], candidates and field of view (H, W) bool, all in file pixels.

    `image` (1, 3, size, size) is the network's input. If the photograph is ungradable and was not explained,
    `explanation` is None and the evidence is zero. `evidence` and `field_of_view` are computed when they are asked for;
    `evidence_rows` gives the evidence of a large photograph in parts.
    """

    fundus: FundusImage
    image: torch.Tensor
    verdict: Verdict
    evidence_rows: "EvidenceRows"
    lesions: tuple[Annotation, ...]
    explanation: Explanation | None

    @property
    def evidence(self) -> np.ndarray:
        """All rows of `evidence_rows`."""
        return whole(self.evidence_rows)

    @property
    def field_of_view(self) -> np.ndarray:
        """Where the file shows the retina, (H, W) bool."""
        return whole(self.evidence_rows.inside) > 0

    @property
    def candidate_fraction(self) -> float:
        """Candidates are the pixels of at least this share of the maximum evidence."""
        return FRACTION if self.explanation is None else self.explanation.candidate_fraction


def predict(photograph: Photograph, classifier: RdrClassifier) -> Verdict:
    """Quality, score and decision, without an explanation.

    Raises:
        InputError: the network's score is not in [0, 1].
    """
    fundus = prepare(photograph, classifier.facts.preprocessing.size)
    return _verdict(fundus, _input(fundus, classifier), classifier)


def predict_without(photograph: Photograph, classifier: RdrClassifier, disks: Sequence[Disk]) -> Verdict:
    """`predict` for a photograph without disks (in file pixels): their pixels become 0 in the network's input.

    Raises:
        InputError: the network's score is not in [0, 1].
    """
    fundus = prepare(photograph, classifier.facts.preprocessing.size)
    image = _input(fundus, classifier)
    for disk in disks:
        image = image * (1 - torch.from_numpy(covered(disk, fundus.geometry)).to(image))
    return _verdict(fundus, image, classifier)


def localize(
    photograph: Photograph,
    classifier: RdrClassifier,
    explainer: Explainer | None = None,
    *,
    target: int = RDR,
    ungradable: bool = False,
    on_step: OnStep | None = None,
) -> Localization:
    """Score one photograph and explain it for one class.

    Args:
        explainer: any `Explainer`; default: the retina protocol.
        target: index of the class in `checkpoint.CLASSES`.
        ungradable: explain ungradable photographs too.
        on_step: progress; see `Explainer`.

    Raises:
        InputError: the network's score is not in [0, 1].
    """
    fundus = prepare(photograph, classifier.facts.preprocessing.size)
    image = _input(fundus, classifier)
    verdict = _verdict(fundus, image, classifier)
    if verdict.gradability.verdict == "ungradable" and not ungradable:
        return Localization(fundus, image, verdict, EvidenceRows.of(fundus, np.float32(0)), (), None)
    explain = explainer or fundus_explainer(DEFAULT_METHOD)
    explanation = explain(classifier.model, image, target, on_step=on_step)
    evidence = EvidenceRows.of(fundus, explanation.evidence[0].cpu().numpy())
    lesions = tuple(lesion_candidates(evidence, explanation.candidate_fraction))
    return Localization(fundus, image, verdict, evidence, lesions, explanation)


def with_effects(found: Localization, classifier: RdrClassifier) -> Localization:
    """The same result whose first `MAX_EFFECTS` candidates have an `effect`.

    The effect is by how much the log-odds of the explained class fall if this candidate alone is deleted: its pixels
    become the reference of the method, as in the game. It is in natural units: 1.0 divides the odds by e. It is
    negative if the candidate speaks against the class.
    """
    explanation = found.explanation
    if explanation is None or not found.lesions:
        return found
    image = found.image[0]
    reference = reference_for(explanation.reference, found.image, explanation.seed or 0)[0]
    measured = found.lesions[:MAX_EFFECTS]

    def shares() -> Iterator[torch.Tensor]:
        yield torch.zeros(image.shape[-2:])
        for lesion in measured:
            yield torch.from_numpy(covered(lesion.shape, found.fundus.geometry))

    before, *after = log_odds_without(classifier.model, image, shares(), int(explanation.target[0]), reference).tolist()
    ranked = [replace(lesion, effect=before - one) for lesion, one in zip(measured, after, strict=True)]
    return replace(found, lesions=(*ranked, *found.lesions[MAX_EFFECTS:]))


def covered(shape: Outline | Disk, geometry: Geometry) -> np.ndarray:
    """The share of each of the network's pixels that a shape in file pixels covers, (size, size) float32 in [0, 1].

    What lies outside of the file is left out.
    """
    height, width = geometry.file_shape
    x0, y0, x1, y1 = shape.box
    left, top = max(0, math.floor(x0 + 0.5)), max(0, math.floor(y0 + 0.5))
    right, bottom = min(width, math.ceil(x1 + 0.5)), min(height, math.ceil(y1 + 0.5))
    if right <= left or bottom <= top:
        return np.zeros((geometry.size, geometry.size), np.float32)
    moved = Outline(tuple(tuple((x - left, y - top) for x, y in ring) for ring in shape.outline.rings))
    patch = mask_of(moved, bottom - top, right - left)
    return geometry.patch_from_file(patch, left, top)


def summary(explanation: Explanation | None) -> Mapping[str, Any] | None:
    """Settings and scores of the explanation of one image, as plain values; undefined values are None."""
    if explanation is None:
        return None
    figures = {
        name: _plain(getattr(explanation, name))
        for name in ("target", "score_before", "score_after", "iterations", "lam", "converged")
    }
    return {"settings": dict(explanation.settings), **figures}


def _input(fundus: FundusImage, classifier: RdrClassifier) -> torch.Tensor:
    """The network's input, (1, 3, size, size), on its device."""
    return classifier.facts.preprocessing.to_tensor(fundus.pixels)[None].to(classifier.device)


def _verdict(fundus: FundusImage, image: torch.Tensor, classifier: RdrClassifier) -> Verdict:
    score = float(classifier.scores(image)[0])
    try:
        return Verdict(gradability(fundus.photograph, fundus.aperture), score, classifier.facts.threshold)
    except InputError as error:
        raise InputError(f"{fundus.photograph.name}: no decision, {error}; check the weights") from error


def _plain(values: torch.Tensor) -> float | int | bool | None:
    value: float | int | bool = values[0].item()
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.7g}")  # the precision of float32
    return value
