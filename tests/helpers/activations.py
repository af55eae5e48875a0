"""Networks around one activation, and the defended gradient of one call by hand."""

import torch
from helpers.networks import smooth_images
from torch import nn


class OneActivation(nn.Module):
    """A convolution, one nonlinearity, a head."""

    def __init__(self, act):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.act, self.head = nn.Conv2d(3, 6, 3, padding=1), act, nn.Linear(6, 4)

    def forward(self, images):
        return self.head(self.act(self.conv(images)).mean(dim=(2, 3)))


class WithHead(nn.Module):
    """A function of hidden units, and the sum over all of them."""

    def __init__(self, forward):
        super().__init__()
        self.function = forward

    def forward(self, hidden):
        return self.function(hidden * 1.0).flatten(1).sum(1, keepdim=True)


def hidden_units():
    """Pre-activations of two images, and of the masked images."""
    original = 3 * smooth_images(2, 16)
    return original, original * torch.rand(original.shape, generator=torch.Generator().manual_seed(1))


def cut_by_hand(act, original, explained, signal):
    """Equation 6 for one call: (gradient before the call, where the call passed it)."""
    leaf = explained.clone().requires_grad_()
    h_original, h_explained = act(original.clone()).detach(), act(leaf * 1.0)
    room = 1e-5 * h_original.abs().amax(dim=(1, 2, 3), keepdim=True)
    inside = (h_explained <= h_original.clamp(min=0) + room) & (h_explained >= h_original.clamp(max=0) - room)
    (gradient,) = torch.autograd.grad(h_explained, leaf, signal * inside)
    return gradient, inside
