"""The other half of an explanation: what its evidence scores when everything else is removed.

A game gives e = m * x + (1 - m) * r, the image without its evidence (deletion). The complement swaps the two,

    e' = (1 - m) * x + m * r

and shows the evidence alone. Where its score is near that of the whole image, the evidence suffices for the decision;
where it is not, the network needed the surroundings as well (FGVis, section 3: complementary masks).
"""

import torch
from torch import Tensor, nn

from retina_xai.explainers.explainer import Explanation
from retina_xai.games.game import class_score
from retina_xai.models.inference import inference


def score_of_evidence(model: nn.Module, images: Tensor, explanation: Explanation) -> Tensor:
    """Softmax score (N,) of the target for the complements of images (N, C, H, W), removed pixels being zero.

    NaN where the method has no mask.
    """
    if explanation.mask is None:
        return torch.full_like(explanation.score_before, torch.nan)
    with inference(model), torch.no_grad():
        return class_score(model((1 - explanation.mask) * images), explanation.target)
