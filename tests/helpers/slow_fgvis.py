"""An independent, slow FGVis: one image, plain autograd, no code shared with the package.

Nonlinearities are found by patching the functions of torch.nn.functional and torch themselves, so reused modules
and functional calls are all seen; every unit's bounds are compared one call at a time, as equation 6 is written.
"""

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


def slow_fgvis(model, image, start, *, game, lam, lr, iterations, defended=True):
    """Mask (1, 3, H, W) after `iterations` steps for the most likely class, with reference zero and no early stop."""
    bounds, logits = bounds_of(model, image)
    target = logits.argmax(dim=1).item()
    mask = start.clone()
    for _ in range(iterations):
        calls = iter(bounds)

        def observe(output, calls=calls):
            lower, upper = next(calls)
            gate = ((output.detach() <= upper) & (output.detach() >= lower)).to(output.dtype)
            if defended and output.requires_grad:
                output.register_hook(lambda signal, gate=gate: signal * gate)
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
        largest = gradient.abs().max()
        if largest > 0:
            gradient = gradient / largest
        mask = torch.clamp(mask.detach() - lr * gradient, 0, 1)
    return mask.detach()
