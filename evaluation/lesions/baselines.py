"""Methods that the retina protocol is compared with on annotated photographs.

Post-processing alone raises the figures of any method, so a fair baseline has the same: `PostProcessed` puts the
evidence of a method, divided by its maximum, in the place of the deleted share 1 - m of the game. Everything else is
the code of the retina protocol: weighting by the change, smoothing, flips, magnifications, scaling by the score,
candidate threshold.

Two controls: the contrast of the photograph without any network (all pixels deleted, not scaled by a score), and the
retina protocol on a network with shuffled weights. Shuffling alone makes the output of a network with batch
normalisation constant, so its statistics are estimated again on photographs of the data set, and the bias is set so
that the mean score is 0.9, which lets games be played.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from retina_xai.errors import UsageError
from retina_xai.evaluation.datasets.base import AnnotatedDataset
from retina_xai.explainers.explainer import Explainer, Explanation, Plan, Targets, check_logits, resolve_targets
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.registry import EXPLAINERS, fundus_explainer
from retina_xai.explainers.retina import RetinaFGVis
from retina_xai.fundus.preprocessing import prepare
from retina_xai.games.engine import OnStep
from retina_xai.metrics.removal import class_log_odds
from retina_xai.metrics.trust import randomised
from retina_xai.models.checkpoint import RDR, RdrClassifier
from retina_xai.models.rdr import RdrNet

OURS = "retina"
COARSE_STRIDE = 16 / 224
"""Every flip is one occlusion, so the stride is twice the default: as many passes as without flips, at each
magnification."""

ESTIMATED_ON = 8
"""Photographs on which the statistics of a shuffled network are estimated."""

SHUFFLED_SCORE = 0.9


@dataclass(frozen=True)
class DeletedEvidence(FGVis):
    """A game that is not played: it deletes the evidence of another method, divided by its maximum."""

    base: Explainer = field(default_factory=Saliency)

    def explain(
        self,
        model: nn.Module,
        images: Tensor,
        targets: Targets,
        on_step: OnStep | None,
        start: Tensor | None = None,
    ) -> Explanation:
        """Explain images (N, C, H, W) by the other method; `start` is ignored."""
        found = self.base(model, images, targets, on_step=on_step)
        return replace(found, mask=(1 - found.evidence)[:, None].expand_as(images))

    def plan(self) -> Plan:
        """That of the other method."""
        return self.base.plan()

    def settings(self) -> dict[str, Any]:
        """Those of the other method, by its name."""
        return {"base": self.base.settings()}


@dataclass(frozen=True)
class PostProcessed(RetinaFGVis):
    """Another method with the post-processing of the retina protocol."""

    method: ClassVar[str] = "post-processed"
    game: FGVis = field(default_factory=DeletedEvidence)


@dataclass(frozen=True)
class EveryPixel(Explainer):
    """Evidence 1 at every pixel, and score 1: with the post-processing, the contrast of the photograph."""

    method: ClassVar[str] = "every pixel"

    def explain(self, model: nn.Module, images: Tensor, targets: Targets, on_step: OnStep | None) -> Explanation:
        """Explain images (N, C, H, W); the network is used only to check the targets."""
        with self.network(model) as network, torch.no_grad():
            logits = check_logits(network(images))
        target = resolve_targets(targets, logits)
        self.report_once(on_step, logits, target)
        ones = torch.ones_like(images[:, 0])
        everything = self.without_mask(ones, ones[:, None], target, logits)
        return replace(everything, score_before=torch.ones_like(everything.score_before))


@dataclass(frozen=True)
class ComparedMethod:
    """One row of the comparison: its name and label, how the method is made, and whether weights are shuffled."""

    key: str
    label: str
    make: Callable[[], Explainer]
    shuffled: bool = False


def _registered(key: str) -> ComparedMethod:
    return ComparedMethod(key, EXPLAINERS[key].label, lambda: fundus_explainer(key))


def _processed(key: str, **settings: Any) -> ComparedMethod:
    def make() -> Explainer:
        return PostProcessed(DeletedEvidence(base=replace(fundus_explainer(key), **settings)))

    return ComparedMethod(f"{key}-processed", f"{EXPLAINERS[key].label}, post-processed", make)


COMPARED: dict[str, ComparedMethod] = {
    one.key: one
    for one in (
        _registered(OURS),
        _registered("retina-undefended"),
        _processed("saliency"),
        _processed("guided-backprop"),
        _processed("grad-cam"),
        _processed("occlusion", stride=COARSE_STRIDE),
        _registered("saliency"),
        _registered("grad-cam"),
        ComparedMethod("contrast", "Contrast, no network", lambda: PostProcessed(DeletedEvidence(base=EveryPixel()))),
        ComparedMethod("shuffled", "Retina protocol, shuffled weights", lambda: fundus_explainer(OURS), shuffled=True),
    )
}


def compared_methods(keys: Sequence[str] | None = None) -> list[ComparedMethod]:
    """The methods of these names, in the order of the table and with ours; all by default.

    Raises:
        UsageError: unknown method.
    """
    wanted = set(keys or COMPARED) | {OURS}
    if unknown := sorted(wanted - COMPARED.keys()):
        raise UsageError(f"unknown method {unknown[0]!r}: choose of {', '.join(COMPARED)}")
    return [one for key, one in COMPARED.items() if key in wanted]


def shuffled_classifier(classifier: RdrClassifier, dataset: AnnotatedDataset, seed: int = 0) -> RdrClassifier:
    """The same classifier with shuffled weights; see the module docstring."""
    preprocessing = classifier.facts.preprocessing
    photographs = [case.photograph() for case in dataset.cases[:ESTIMATED_ON]]
    inputs = [preprocessing.to_tensor(prepare(one, preprocessing.size).pixels) for one in photographs]
    images = torch.stack(inputs).to(classifier.device)
    model = cast(RdrNet, randomised(classifier.model, 1.0, seed))
    with _estimating(model), torch.no_grad():
        model(images)
    with torch.no_grad():
        mean = class_log_odds(model(images), RDR).mean()
        model.classifier.bias[RDR] += math.log(SHUFFLED_SCORE / (1 - SHUFFLED_SCORE)) - mean
    return replace(classifier, model=model, sha256=f"{classifier.sha256} shuffled {seed}")


@contextmanager
def _estimating(model: nn.Module) -> Iterator[None]:
    """Batch normalisation takes its statistics from the next batch, then keeps them."""
    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta: Mapping[nn.BatchNorm2d, float | None] = {layer: layer.momentum for layer in layers}
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
        model.train()
        yield
    finally:
        model.eval()
        for layer, momentum in momenta.items():
            layer.momentum = momentum
