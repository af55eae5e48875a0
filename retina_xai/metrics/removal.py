"""Log-odds of a class for an image from which areas were removed: how much of the score depends on them.

    log-odds(x) = z_c - log sum_(j != c) exp z_j = log(p_c / (1 - p_c))         p_c: softmax score of the class c
    e = (1 - s) x + s r                      s in [0, 1]: removed share of each pixel, r: reference (as in the games)

Scores saturate: near 1 or 0 they hardly move whatever is removed. Log-odds do not; between two classes they are the
difference of the two logits (the margin of the decision).
"""

from collections.abc import Iterable
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from retina_xai.errors import InputError, ModelError
from retina_xai.models.scored_model import scored
from retina_xai.models.throughput import batch_for, layout_for


def class_log_odds(logits: Tensor, target: int) -> Tensor:
    """Log-odds of a class from logits (N, K >= 2); (N,) double.

    >>> class_log_odds(torch.tensor([[0.0, 2.5]]), 1)
    tensor([2.5000], dtype=torch.float64)

    Raises:
        ModelError: one logit per image.
    """
    if logits.shape[1] < 2:
        raise ModelError("the network returns one logit per image, log-odds of a softmax need two: give two outputs")
    others = logits.double().clone()
    others[:, target] = -torch.inf
    return logits[:, target].double() - others.logsumexp(dim=1)


def log_odds_without(
    model: nn.Module, image: Tensor, shares: Iterable[Tensor], target: int, reference: Tensor | None = None
) -> npt.NDArray[np.float64]:
    """Log-odds of the class `target` for each removal from one image (C, H, W), in batches.

    Args:
        shares: for each removal the removed share of every pixel, (H, W) in [0, 1]. Zeros give the image itself, ones
            the reference.
        reference: what removed pixels become, (C, H, W); default: 0 in normalised space.

    Raises:
        InputError: shares of another shape than the image.
        ModelError: no torch module, or only one logit.
    """
    replaced = torch.zeros_like(image) if reference is None else reference
    waiting, found = iter(shares), []
    with scored(model) as network, torch.no_grad():
        layout = layout_for(network, image[None])
        while batch := list(islice(waiting, batch_for(image, None))):
            share = torch.stack(batch)[:, None].to(image)
            if share.shape[-2:] != image.shape[-2:]:
                raise InputError(
                    f"removed shares of {tuple(share.shape[-2:])}, expected {tuple(image.shape[-2:])} as the image"
                )
            images = (1 - share) * image + share * replaced
            found.append(class_log_odds(network(images.contiguous(memory_format=layout)), target).cpu())
    return torch.cat(found).numpy() if found else np.zeros(0)
