"""The registry of explanation methods.

`EXPLAINERS` is the only list of methods; command line, viewer, comparison table and contract tests use it. A new method
is one file in this package and one entry here. Importing the registry imports no method; a factory imports its method
when it is called.

>>> explainer_named("rise").factory(masks=2000, seed=1)
RISE(score='softmax', masks=2000, cells=7, probability=0.5, seed=1, batch=None)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from retina_xai.errors import UsageError

if TYPE_CHECKING:
    from retina_xai.explainers.explainer import Explainer

Category = Literal[
    "game", "gradient", "perturbation", "architecture", "fitted", "contrast", "class", "fundus", "control", "ablation"
]
"""Kind of method: "game" optimises a mask, "gradient" uses gradients, "perturbation" modifies the image, "architecture"
uses gradients of networks that have certain layers and refuses others, "fitted" must be fitted to the network and
photographs first, "contrast" shows what speaks against a class, "class" shows a class instead of explaining an image,
"fundus" is specific to fundus photographs, "control" ignores the network, "ablation" is another method with a part
removed."""

COMPARED: frozenset[Category] = frozenset({"game", "gradient", "perturbation", "control"})
"""Categories of the methods that a comparison on arbitrary photographs includes."""


@dataclass(frozen=True)
class ExplainerSpec:
    """One method.

    key: name on the command line. label: name in tables and figures. factory: returns the configured method for
    settings given by name. fundus_preset: settings for fundus photographs; None if the method is not offered for them.
    source: the publication. photograph_preset: settings for photographs of any network that differ from the defaults;
    with them, a photograph takes seconds. game_presets: further ones for a game of that name.
    """

    key: str
    label: str
    category: Category
    factory: "Callable[..., Explainer]"
    fundus_preset: Mapping[str, Any] | None
    source: str
    photograph_preset: Mapping[str, Any] = field(default_factory=dict)
    game_presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def for_photographs(self, game: str | None = None, **settings: Any) -> "Explainer":
        """The method with its settings for photographs, for a game if it has games, and those that are given."""
        own = {} if game is None else {"game": game, **self.game_presets.get(game, {})}
        return self.factory(**{**self.photograph_preset, **own, **settings})


def _factory(module: str, name: str) -> "Callable[..., Explainer]":
    """A function that imports a module of this package and calls the object `name` in it."""

    def make(**settings: Any) -> "Explainer":
        explainer: Explainer = getattr(import_module(f"retina_xai.explainers.{module}"), name)(**settings)
        return explainer

    return make


PAPER_A42 = {"game": "deletion", "lam": 1e-10, "lr": 0.25, "iterations": 500, "stop_score": 0.1}
"""FGVis supplement A4.2: the game for the class RDR."""

QUICK_GAME = {"lam": 1e-8, "iterations": 40, "scale": "q99"}
"""One lambda instead of the paper's search over 13 with 500 steps each, so that a photograph takes seconds. The scale,
and the defence of the generation game, are those that told present from absent classes best (docs/results)."""

EXPLAINERS: dict[str, ExplainerSpec] = {
    spec.key: spec
    for spec in (
        ExplainerSpec(
            "fgvis",
            "FGVis",
            "game",
            _factory("fgvis", "FGVis"),
            fundus_preset=PAPER_A42,
            source="Wagner et al., CVPR 2019",
            photograph_preset=QUICK_GAME,
            game_presets={"generation": {"defence": "one-sided"}},
        ),
        ExplainerSpec(
            "fgvis-undefended",
            "FGVis, undefended",
            "ablation",
            partial(_factory("fgvis", "FGVis"), defended=False),
            fundus_preset=PAPER_A42,
            source="Wagner et al., CVPR 2019",
            photograph_preset=QUICK_GAME,
        ),
        ExplainerSpec(
            "retina",
            "Retina protocol",
            "fundus",
            _factory("retina", "RetinaFGVis"),
            fundus_preset={},
            source="this package, after Wagner et al., CVPR 2019",
        ),
        ExplainerSpec(
            "retina-undefended",
            "Retina protocol, undefended",
            "ablation",
            _factory("retina", "undefended"),
            fundus_preset={},
            source="this package, after Wagner et al., CVPR 2019",
        ),
        ExplainerSpec(
            "grad-cam",
            "Grad-CAM",
            "gradient",
            _factory("grad_cam", "GradCAM"),
            fundus_preset={},
            source="Selvaraju et al., ICCV 2017",
        ),
        ExplainerSpec(
            "saliency",
            "Saliency",
            "gradient",
            _factory("gradients", "Saliency"),
            fundus_preset={},
            source="Simonyan et al., ICLR workshop 2014",
        ),
        ExplainerSpec(
            "integrated-gradients",
            "Integrated gradients",
            "gradient",
            _factory("integrated_gradients", "IntegratedGradients"),
            fundus_preset={},
            source="Sundararajan, Taly and Yan, ICML 2017",
        ),
        ExplainerSpec(
            "smooth-grad",
            "SmoothGrad",
            "gradient",
            _factory("smooth_grad", "SmoothGrad"),
            fundus_preset={},
            source="Smilkov et al., 2017",
        ),
        ExplainerSpec(
            "guided-backprop",
            "Guided backpropagation",
            "architecture",
            _factory("guided_backprop", "GuidedBackprop"),
            fundus_preset={},
            source="Springenberg et al., ICLR workshop 2015",
        ),
        ExplainerSpec(
            "deconvnet",
            "Deconvnet",
            "architecture",
            _factory("deconvnet", "Deconvnet"),
            fundus_preset={},
            source="Zeiler and Fergus, ECCV 2014",
        ),
        ExplainerSpec(
            "guided-grad-cam",
            "Guided Grad-CAM",
            "architecture",
            _factory("guided_grad_cam", "GuidedGradCAM"),
            fundus_preset={},
            source="Selvaraju et al., ICCV 2017",
        ),
        ExplainerSpec(
            "cam",
            "CAM",
            "architecture",
            _factory("cam", "CAM"),
            fundus_preset={},
            source="Zhou et al., CVPR 2016",
        ),
        ExplainerSpec(
            "counterfactual-grad-cam",
            "Counterfactual Grad-CAM",
            "contrast",
            _factory("grad_cam", "CounterfactualGradCAM"),
            fundus_preset={},
            source="Selvaraju et al., ICCV 2017",
        ),
        ExplainerSpec(
            "occlusion",
            "Occlusion",
            "perturbation",
            _factory("occlusion", "Occlusion"),
            fundus_preset={},
            source="Zeiler and Fergus, ECCV 2014",
        ),
        ExplainerSpec(
            "rise",
            "RISE",
            "perturbation",
            _factory("rise", "RISE"),
            fundus_preset={},
            source="Petsiuk, Das and Saenko, BMVC 2018",
        ),
        ExplainerSpec(
            "lime",
            "LIME",
            "perturbation",
            _factory("lime", "LIME"),
            fundus_preset={},
            source="Ribeiro, Singh and Guestrin, KDD 2016",
        ),
        ExplainerSpec(
            "vebi",
            "VEBI",
            "fitted",
            _factory("vebi", "VEBI"),
            fundus_preset=None,
            source="Oramas, Wang and Tuytelaars, ICLR 2019",
        ),
        ExplainerSpec(
            "class-model",
            "Class model",
            "class",
            _factory("class_model", "ClassModel"),
            fundus_preset=None,
            source="Simonyan, Vedaldi and Zisserman, ICLR workshop 2014",
        ),
        ExplainerSpec(
            "random",
            "Random",
            "control",
            _factory("random_map", "RandomMap"),
            fundus_preset={},
            source="uniform noise",
        ),
    )
}

FUNDUS_METHODS: tuple[str, ...] = tuple(key for key, spec in EXPLAINERS.items() if spec.fundus_preset is not None)
"""Names of the methods for fundus photographs."""


def explainer_named(key: str) -> ExplainerSpec:
    """The entry of that name.

    Raises:
        UsageError: unknown method.
    """
    if key not in EXPLAINERS:
        raise UsageError(f"unknown method {key!r}: choose one of {', '.join(EXPLAINERS)}")
    return EXPLAINERS[key]


def fundus_explainer(key: str) -> "Explainer":
    """The method of that name with its settings for fundus photographs.

    Raises:
        UsageError: unknown method, or not offered for fundus photographs.
    """
    if key not in FUNDUS_METHODS:
        raise UsageError(f"unknown method {key!r}: choose one of {', '.join(FUNDUS_METHODS)}")
    spec = EXPLAINERS[key]
    return spec.factory(**(spec.fundus_preset or {}))
