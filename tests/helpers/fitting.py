"""Methods that need a fit, for tests of any network: fitted to copies of the images, with every class among them."""

import torch

from retina_xai.errors import RetinaXaiError
from retina_xai.explainers.explainer import Explainer


def needs_fit(explainer):
    """Whether the method has a step of fitting."""
    return type(explainer).fitted is not Explainer.fitted


def fitted_to(explainer, model, images):
    """The method, fitted to noise of the size of the images whose classes are 0, 1, 2, ... in turn."""
    with explainer.network(model) as network:
        classes = network(images[:1]).shape[1]
    count = max(classes, 6)
    noise = torch.randn(count, *images.shape[1:], generator=torch.Generator().manual_seed(2)).to(images)
    return explainer.fitted(model, [(noise, torch.arange(count) % classes)])


class FittedFirst:
    """A method that is fitted to each model it explains; where that fails, it tells what it tells unfitted."""

    def __init__(self, explainer):
        self.explainer = explainer

    def __call__(self, model, images, *targets, **named):
        try:
            explain = fitted_to(self.explainer, model, images)
        except (RetinaXaiError, TypeError, AttributeError):
            explain = self.explainer
        return explain(model, images, *targets, **named)
