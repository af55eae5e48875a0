"""A model in evaluation mode with frozen parameters, for the duration of a `with` block."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from retina_xai.errors import InputError, ModelError


@contextmanager
def inference(model: nn.Module) -> Iterator[nn.Module]:
    """Put every module into evaluation mode and freeze every parameter; restore all of them at the end.

    In evaluation mode, batch normalisation and dropout are fixed, so images of a batch do not influence each other.
    Frozen parameters keep their `.grad`. Inside the block, gradients are recorded in full precision, even if the
    caller has `torch.no_grad`, `torch.inference_mode`, `torch.autocast` or TF32 active. A compiled model
    (`torch.compile`) is used as it was before: the result is the same, and its calls can be observed.

    >>> model = nn.Sequential(nn.Linear(2, 1), nn.Dropout())
    >>> with inference(model):
    ...     model.training, model[0].weight.requires_grad
    (False, False)
    >>> model.training, model[0].weight.requires_grad
    (True, True)

    Raises:
        ModelError: no torch module, or its parameters were made in `torch.inference_mode`.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"the model is a {type(model).__name__}, expected a torch module: call it in the forward of an nn.Module"
        )
    model = getattr(model, "_orig_mod", model)
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise ModelError(
            "the model was made in torch.inference_mode, which excludes gradients: make or load it outside of it"
        )
    training = [(module, module.training) for module in model.modules()]
    trainable = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval()
        for parameter, _ in trainable:
            parameter.requires_grad_(False)
        with _full_precision_gradients(next((parameter.device.type for parameter, _ in trainable), "cpu")):
            yield model
    finally:
        for module, flag in training:
            module.training = flag
        for parameter, flag in trainable:
            parameter.requires_grad_(flag)


@contextmanager
def _full_precision_gradients(device: str) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast(device, enabled=False))
        if device == "cuda":
            tensor_cores = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
            stack.callback(_allow_tf32, *tensor_cores)
            _allow_tf32(False, False)
        yield


def _allow_tf32(convolutions: bool, products: bool) -> None:
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.backends.cuda.matmul.allow_tf32 = products


def check_precision(model: nn.Module, images: Tensor) -> None:
    """Refuse networks of less than float32, in which games follow rounding errors, and images of another type.

    Raises:
        ModelError: a parameter of bfloat16 or float16.
        InputError: images of another type than the parameters.
    """
    types = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    low = types & {torch.float16, torch.bfloat16}
    if low:
        raise ModelError(
            f"the network has parameters of {str(low.pop()).removeprefix('torch.')}, the games need float32: convert "
            "it with model.float()"
        )
    if types and images.dtype not in types:
        names = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in types))
        raise InputError(f"images are {str(images.dtype).removeprefix('torch.')}, the network is {names}: convert them")
