"""An independent, slow FGVis: one image, plain autograd, no code shared with the package.

Nonlinearities are found by patching the functions of torch.nn.functional and torch themselves, so reused modules
and functional calls are all seen; every unit's bounds are compared one call at a time, as equation 6 is written.
"""

import math
from contextlib import contextmanager

import torch
from torch.nn import functional as F

PATCHED = {
    F: ("relu", "leaky_relu", "hardtanh", "silu", "gelu"),
    torch: ("sigmoid", "tanh"),
}


@contextmanager
def patched(observe):
    """Let `observe(output)` replace the output of every nonlinearity."""
    originals = [(home, name, getattr(home, name)) for home, names in PATCHED.items() for name in names]
    try:
        for home, name, original in originals:
            setattr(home, name, lambda *args, _original=original, **kwargs: observe(_original(*args, **kwargs)))
        yield
    finally:
        for home, name, original in originals:
            setattr(home, name, original)


def bounds_of(model, image, slack=1e-5):
    """(lower, upper) of each call for one image (1, 3, H, W)."""
    bounds = []

    def observe(output):
        h = output.detach().clone()
        room = slack * h.abs().max()
        bounds.append((torch.minimum(h, torch.zeros_like(h)) - room, torch.maximum(h, torch.zeros_like(h)) + room))
        return output

    with torch.no_grad(), patched(observe):
        logits = model(image)
    return bounds, logits


def strict(signal, h, lower, upper):
    """Equation 6."""
    return signal * ((h <= upper) & (h >= lower)).to(signal.dtype)


def inwards(signal, h, lower, upper):
    """Only the signals that would move a unit further out are cut."""
    further_out = ((h > upper) & (signal < 0)) | ((h < lower) & (signal > 0))
    return torch.where(further_out, torch.zeros_like(signal), signal)


def slow_fgvis(model, image, start, *, game, lam, lr, iterations, defence="fgvis", strict_steps=40, scale=1.0):
    """Mask (1, 3, H, W) after `iterations` steps for the most likely class, with reference zero and no early stop.

    The gradient is divided by its `scale` quantile; 1 is the maximum.
    """
    bounds, logits = bounds_of(model, image)
    of_reference, _ = bounds_of(model, torch.zeros_like(image))
    hull = [
        (torch.minimum(low, other_low), torch.maximum(high, other_high))
        for (low, high), (other_low, other_high) in zip(bounds, of_reference, strict=True)
    ]
    target = logits.argmax(dim=1).item()
    mask = start.clone()
    for step in range(iterations):
        use_hull = defence == "reference" or (defence == "staged" and step >= strict_steps)
        calls, rule = iter(hull if use_hull else bounds), inwards if use_hull else strict

        def observe(output, calls=calls, rule=rule):
            lower, upper = next(calls)
            if defence != "none" and output.requires_grad:
                h = output.detach().clone()
                output.register_hook(lambda signal: rule(signal, h, lower, upper))
            return output

        mask = mask.detach().requires_grad_()
        explained = mask * image
        with patched(observe):
            logits = model(explained)
        probabilities = torch.softmax(logits, dim=1)
        if game in {"deletion", "repression"}:
            similarity, sign = probabilities[0, target], -1.0
        else:
            similarity, sign = F.cross_entropy(logits, torch.tensor([target])), 1.0
        (gradient,) = torch.autograd.grad(similarity, mask)
        gradient = gradient + sign * lam
        ordered = gradient.abs().flatten().sort().values
        largest = ordered[math.ceil(scale * len(ordered)) - 1]
        if largest > 0:
            gradient = torch.clamp(gradient / largest, -1, 1)
        mask = torch.clamp(mask.detach() - lr * gradient, 0, 1)
    return mask.detach()
