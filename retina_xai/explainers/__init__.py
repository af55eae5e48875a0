"""Explanation methods under one contract (`explainer`): one method a file, and the registry that names them."""

from collections.abc import Callable

from retina_xai.explainers.cam import GradCam
from retina_xai.explainers.explainer import Explainer, Explanation
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.retina import RetinaFGVis

EXPLAINERS: dict[str, Callable[[], Explainer]] = {
    "fgvis": FGVis,
    "grad-cam": GradCam,
    "retina": RetinaFGVis,
    "saliency": Saliency,
}

__all__ = ["EXPLAINERS", "Explainer", "Explanation", "FGVis", "GradCam", "RetinaFGVis", "Saliency"]
