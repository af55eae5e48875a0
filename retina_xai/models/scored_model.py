"""Any network as a module that returns logits for one score, for the duration of a `with` block.

>>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Softmax(dim=1))
>>> with scored(model) as network:
...     logits = network(torch.ones(2, 1, 2, 2))
>>> torch.allclose(logits.softmax(dim=1), model(torch.ones(2, 1, 2, 2)))
True
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from retina_xai.errors import ModelError
from retina_xai.models.inference import inference
from retina_xai.models.outputs import ENDINGS, PROBES, ending_of, in_unit, logits_of, probable_ending
from retina_xai.models.scores import Score, ScoreSpec, score_spec


class ScoredModel(nn.Module):
    """A user's model, whose outputs become the logits (N, K) of a score.

    How the model ends is found in the first forward pass. If that pass records no gradients, one image passes before.
    """

    def __init__(self, model: nn.Module, score: ScoreSpec) -> None:
        super().__init__()
        self.model = model
        self.score = score
        self._convert: Callable[[Tensor], Tensor] | None = None

    @property
    def name(self) -> str:
        """The class name of the user's model, for messages."""
        return type(self.model).__name__

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, K) of images (N, C, ...).

        Raises:
            ModelError: outputs without logits, or that do not fit the score; no gradient where one is recorded.
        """
        recorded = torch.is_grad_enabled() and images.requires_grad
        if self._convert is None and not recorded:
            with torch.inference_mode(False), torch.enable_grad():
                leaf = images[:1].detach().clone().requires_grad_()
                self._convert = self._conversion(leaf, self._output(leaf))
        output = self._output(images)
        if recorded and not output.requires_grad:
            raise ModelError(f"{self.name} gives no gradient with respect to the images: use occlusion, rise or lime")
        if self._convert is None:
            self._convert = self._conversion(images, output)
        return self._convert(output)

    def differentiated(self, targets: Tensor) -> Callable[[Tensor], Tensor]:
        """Images (B, C, ...) -> what gradient methods differentiate, (B,); targets (B,) or one for all, (1,)."""
        return lambda images: self.score.differentiated(self(images), targets.expand(len(images)))

    def _output(self, images: Tensor) -> Tensor:
        return logits_of(self.model(images), len(images), self.name)

    def _ending(self, images: Tensor, output: Tensor) -> str:
        """How the model ends; the probes are passed only where the graph does not tell, for outputs in [0, 1]."""
        found = ending_of(output)
        if found in ENDINGS.values() or not in_unit(output):
            return found
        with torch.no_grad():
            others = [self._output(share * images.detach()) for share in PROBES]
        probable = probable_ending([output, *others])
        return found if probable == "logits" else probable

    def _conversion(self, images: Tensor, output: Tensor) -> Callable[[Tensor], Tensor]:
        """How outputs of the model become logits."""
        score = self.score
        if score.conversions is None:
            return lambda values: values
        ending = self._ending(images, output)
        if output.shape[1] == 1:
            if not score.one_logit:
                raise ModelError(
                    f"{self.name} returns one logit per image, whose {score.key} is always 1: "
                    f"give score={score.advice!r}"
                )
            ending = "sigmoid" if ending == "softmax" else ending  # one column of it
        if ending not in score.conversions:
            advice = f"score={score.advice!r}" if score.advice and ending != "mixed" else "a function as the score"
            raise ModelError(
                f"{self.name} ends in {ending}, which score={score.key!r} would apply wrongly: give {advice}"
            )
        return score.conversions[ending]


@contextmanager
def scored(model: nn.Module, score: Score = "softmax") -> Iterator[ScoredModel]:
    """The model in evaluation mode with frozen parameters (see `inference`), returning logits for `score`.

    Raises:
        ModelError: no torch module.
        UsageError: unknown score.
    """
    spec = score_spec(score)
    with inference(model) as plain:
        yield ScoredModel(plain, spec).eval()
