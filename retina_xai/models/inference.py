"""A model in evaluation mode with frozen parameters, for the duration of a `with` block."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def inference(model: nn.Module) -> Iterator[nn.Module]:
    """Put every module into evaluation mode and freeze every parameter; restore all of them at the end.

    In evaluation mode, batch normalisation and dropout are fixed, so images of a batch do not influence each other.
    Frozen parameters keep their `.grad`.

    >>> model = nn.Sequential(nn.Linear(2, 1), nn.Dropout())
    >>> with inference(model):
    ...     model.training, model[0].weight.requires_grad
    (False, False)
    >>> model.training, model[0].weight.requires_grad
    (True, True)
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
