"""Borrow a model without leaving a trace: evaluation mode and frozen parameters inside, everything as it was after."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def inference(model: nn.Module) -> Iterator[nn.Module]:
    """Put every module in evaluation mode and freeze every parameter; undo both, each on its own, on leaving.

    Evaluation mode also keeps batch-norm statistics and dropout still, so images of a batch do not influence
    one another; frozen parameters keep their `.grad` untouched.
    """
    training = [(module, module.training) for module in model.modules()]
    trainable = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval()
        for parameter, _ in trainable:
            parameter.requires_grad_(False)
        yield model
    finally:
        for module, flag in training:
            module.training = flag
        for parameter, flag in trainable:
            parameter.requires_grad_(flag)
