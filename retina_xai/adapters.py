"""Explainers in other libraries, and methods of Captum as explainers.

| function               | gives                                                                                     |
|------------------------|-------------------------------------------------------------------------------------------|
| `as_captum`            | an explainer as a Captum `Attribution`: `attribute(inputs, target)`, for Captum's metrics |
| `as_quantus`           | an explainer as the `explain_func` of Quantus' metrics                                    |
| `as_monai`             | an explainer as an `Inferer` of MONAI, in the place of its `SaliencyInferer`              |
| `CaptumExplainer`      | a Captum attribution as an explainer, with the contract of all others                     |

What the other library gets is one of two `Values`: "attribution", the signed values of the method, or "evidence", which
is in [0, 1]. Maps of another size than the image are interpolated linearly.

>>> from retina_xai.explainers.gradients import Saliency
>>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
>>> as_captum(Saliency(), model).attribute(torch.ones(1, 1, 2, 2), target=1).shape
torch.Size([1, 1, 2, 2])
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import Attribution
from monai.inferers.inferer import Inferer
from torch import Tensor, nn

from retina_xai.errors import ModelError, UsageError
from retina_xai.explainers.explainer import Explainer, Explanation, Targets
from retina_xai.explainers.grad_cam import upsampled
from retina_xai.explainers.gradient_method import GradientExplainer, leaf_of
from retina_xai.models.scored_model import ScoredModel

Values = Literal["attribution", "evidence"]

EVIDENCE: dict[str, Callable[[Tensor], Tensor]] = {
    "largest": lambda attribution: attribution.abs().amax(dim=1),
    "sum": lambda attribution: attribution.abs().sum(dim=1),
    "positive": lambda attribution: attribution.sum(dim=1).clamp(min=0),
}
"""Evidence (N, H, W) from an attribution (N, C, H, W): the largest absolute value of the channels, the sum of the
absolute values, or the positive part of the sum."""


class ExplainerAttribution(Attribution):  # type: ignore[misc]
    """An explainer as a Captum attribution; made by `as_captum`."""

    def __init__(self, explainer: Explainer, model: nn.Module, values: Values) -> None:
        super().__init__(model)
        self.explainer = explainer
        self.values = values

    def attribute(self, inputs: Tensor | tuple[Tensor, ...], target: Targets = None) -> Tensor | tuple[Tensor, ...]:
        """The values of images (N, C, H, W), of the same shape; those of methods without colour in every channel.

        Args:
            inputs: images, or a tuple of them alone; a tuple is returned as a tuple.
            target: class index for all, or (N,); the most likely classes by default.

        Raises:
            UsageError: several inputs.
            InputError, ModelError: see `Explainer`.
        """
        several = isinstance(inputs, tuple)
        if several and len(inputs) != 1:
            raise UsageError(f"{len(inputs)} inputs: an explainer takes one tensor of images")
        images = inputs[0] if isinstance(inputs, tuple) else inputs
        found = values_of(self.explainer(self.forward_func, images, target=target), images, self.values)
        found = found.expand(-1, images.shape[1], *found.shape[2:]).contiguous()  # Captum's metrics use `view`
        return (found,) if several else found


def as_captum(explainer: Explainer, model: nn.Module, values: Values = "attribution") -> ExplainerAttribution:
    """The explainer as a Captum `Attribution` of this model."""
    return ExplainerAttribution(explainer, model, values)


def as_quantus(explainer: Explainer, values: Values = "evidence") -> Callable[..., npt.NDArray[Any]]:
    """The explainer as an `explain_func` of Quantus: (model, inputs, targets, **ignored) -> array (N, C, H, W).

    Evidence has one channel. Images are converted to the type and device of the model.
    """

    def explain(model: nn.Module, inputs: object, targets: object, **ignored: object) -> npt.NDArray[Any]:
        like = next(model.parameters(), torch.zeros(0))
        images = torch.as_tensor(inputs).to(like)
        result = explainer(model, images, torch.as_tensor(targets).long())
        found: npt.NDArray[Any] = values_of(result, images, values).cpu().numpy()
        return np.ascontiguousarray(found)

    return explain


class ExplainerInferer(Inferer):
    """An explainer as an inferer of MONAI; made by `as_monai`."""

    def __init__(self, explainer: Explainer, target: Targets, values: Values) -> None:
        super().__init__()
        self.explainer = explainer
        self.target = target
        self.values = values

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        """The values of images (N, C, H, W): evidence (N, 1, H, W), or the attribution (N, C, H, W).

        Raises:
            UsageError: further arguments, which MONAI would pass to the network, or a network that is no module.
            InputError, ModelError: see `Explainer`.
        """
        if args or kwargs:
            raise UsageError("an explainer takes images and a network; give a network that needs no more arguments")
        if not isinstance(network, nn.Module):
            raise UsageError(f"the network is {type(network).__name__}, expected a torch module")
        return values_of(self.explainer(network, inputs, target=self.target), inputs, self.values)


def as_monai(explainer: Explainer, target: Targets = None, values: Values = "evidence") -> ExplainerInferer:
    """The explainer as an `Inferer` of MONAI: `inferer(inputs, network)`.

    Args:
        target: class index for all, or (N,); the most likely classes by default.
    """
    return ExplainerInferer(explainer, target, values)


def values_of(result: Explanation, images: Tensor, values: Values) -> Tensor:
    """The evidence (N, 1, H, W), or the attribution (N, C, H, W) at the size of the images.

    Raises:
        UsageError: other values.
    """
    if values == "evidence":
        return result.evidence[:, None]
    if values != "attribution":
        raise UsageError(f"values {values!r}: choose 'attribution' or 'evidence'")
    return _of_size(result.attribution, images)


@dataclass(frozen=True)
class CaptumExplainer(GradientExplainer):
    """A Captum attribution as an explainer: `CaptumExplainer(captum.attr.DeepLift, {"baselines": 0})`.

    Each image is explained by itself, from the same `seed`, so results do not depend on the batch. Progress is reported
    once, before the first image.

    Args:
        make: a class of Captum, or a function that makes an attribution from a network: a module of images (N, C, H, W)
            -> scores of the class (N,), whose `network.model` is the explained model. A layer attribution, for example:
            `lambda scores: LayerGradCam(scores, scores.network.model.layer4)`.
        options: further arguments of its `attribute`.
        summary: how evidence is made from the attribution, a key of `EVIDENCE`.
        seed: of the global generators of torch and NumPy, which Captum uses; they are restored after each image.

    Raises:
        UsageError: unknown summary.
    """

    method: ClassVar[str] = "captum"
    make: Callable[["ClassScoreModule"], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    summary: str = "largest"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.summary not in EVIDENCE:
            raise UsageError(f"unknown summary {self.summary!r}: choose one of {', '.join(EVIDENCE)}")

    def attribution_of(self, network: ScoredModel, images: Tensor, target: Tensor) -> Tensor:
        """The attributions of Captum, image by image."""
        pairs = zip(torch.split(images, 1), target, strict=True)
        return torch.cat([self._attribution(ClassScoreModule(network, label), image) for image, label in pairs])

    def evidence_of(self, attribution: Tensor, images: Tensor) -> Tensor:
        """Evidence (N, H, W) as `summary` says."""
        return _of_size(EVIDENCE[self.summary](attribution)[:, None], images)[:, 0]

    def settings(self) -> dict[str, Any]:
        """All settings that change the result, as plain values for reports."""
        made = getattr(self.make, "__qualname__", repr(self.make))
        return {**super().settings(), "make": made, "options": repr(dict(self.options))}

    def _attribution(self, scores: "ClassScoreModule", image: Tensor) -> Tensor:
        with seeded_globally(self.seed, image.device):
            found = self.make(scores).attribute(leaf_of(image), **self.options)
        values = found[0] if isinstance(found, tuple) else found
        if not isinstance(values, Tensor) or values.ndim != image.ndim or len(values) != 1:
            came = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ModelError(f"Captum returned {came} for one image {tuple(image.shape)}: expected a map (1, C, h, w)")
        return values.detach()


class ClassScoreModule(nn.Module):
    """Images (N, C, H, W) -> the score of one class (N,) that gradient methods differentiate."""

    def __init__(self, network: ScoredModel, label: Tensor) -> None:
        super().__init__()
        self.network = network
        self.label = label

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N,) of the class."""
        scores: Tensor = self.network.differentiated(self.label)(images)
        return scores


@contextmanager
def seeded_globally(seed: int, device: torch.device) -> Iterator[None]:
    """The global generators with this seed, and as they were at the end."""
    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            torch.default_generator.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            if device.type == "cuda":
                torch.cuda.manual_seed(seed)
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


def _of_size(maps: Tensor, images: Tensor) -> Tensor:
    return maps if maps.shape[2:] == images.shape[2:] else upsampled(maps, images)
