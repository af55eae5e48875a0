"""Explanation methods under one contract (`explainer`): one method a file, and the registry that names them."""

from collections.abc import Callable

from retina_xai.explainers.cam import GradCam
from retina_xai.explainers.explainer import Explainer, Explanation
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.gradients import Saliency
from retina_xai.explainers.lime import Lime
from retina_xai.explainers.occlusion import Occlusion
from retina_xai.explainers.random_map import RandomMap
from retina_xai.explainers.retina import RetinaFGVis
from retina_xai.explainers.rise import Rise

EXPLAINERS: dict[str, Callable[[], Explainer]] = {
    "fgvis": FGVis,
    "grad-cam": GradCam,
    "lime": Lime,
    "occlusion": Occlusion,
    "random": RandomMap,
    "retina": RetinaFGVis,
    "rise": Rise,
    "saliency": Saliency,
}

__all__ = [
    "EXPLAINERS",
    "Explainer",
    "Explanation",
    "FGVis",
    "GradCam",
    "Lime",
    "Occlusion",
    "RandomMap",
    "RetinaFGVis",
    "Rise",
    "Saliency",
]
