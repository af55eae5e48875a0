"""Visual explanations (FGVis and others) of retinal and ImageNet classifiers, and metrics of their quality.

    from retina_xai import FGVis, load_network, plot, read_image, trust

    network = load_network("squeezenet1_0", "squeezenet1_0.safetensors")
    image = network.input_of(read_image("dog.jpg"))
    explain = FGVis(game="deletion", lam=1e-8, iterations=100)
    result = explain(network.model, image)                            # an Explanation
    quality = trust(network.model, image[0], result, explainer=explain)
    plot(result, "dog.pdf", images=image, network=network)

A fundus photograph:

    from retina_xai import load_classifier, localize, read_image

    result = localize(read_image("photograph.jpg"), load_classifier())
    print(result.verdict.decision, len(result.lesions))

`EXPLAINERS` lists all methods; `EXPLAINERS["rise"].factory(masks=2000)` makes one. All errors are `RetinaXaiError`.
See also `help(retina_xai.explainers.explainer)` (the interface of a method), `retina_xai.games` (the games of FGVis),
`retina_xai.localization`, `retina_xai.metrics`. On the command line: `retina-xai --help`.

The names below are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retina_xai.errors import RetinaXaiError
    from retina_xai.explainers.explainer import Explanation
    from retina_xai.explainers.fgvis import FGVis
    from retina_xai.explainers.registry import EXPLAINERS
    from retina_xai.io.images import read_image
    from retina_xai.localization import localize
    from retina_xai.metrics.trust import trust
    from retina_xai.models.checkpoint import load_classifier
    from retina_xai.models.network import load_network
    from retina_xai.plotting import plot

__version__ = "0.2.0.dev1"
__all__ = [
    "EXPLAINERS",
    "Explanation",
    "FGVis",
    "RetinaXaiError",
    "load_classifier",
    "load_network",
    "localize",
    "plot",
    "read_image",
    "trust",
]

_HOMES = {
    "EXPLAINERS": "explainers.registry",
    "Explanation": "explainers.explainer",
    "FGVis": "explainers.fgvis",
    "RetinaXaiError": "errors",
    "load_classifier": "models.checkpoint",
    "load_network": "models.network",
    "localize": "localization",
    "plot": "plotting",
    "read_image": "io.images",
    "trust": "metrics.trust",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
