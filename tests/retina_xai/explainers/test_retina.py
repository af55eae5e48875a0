"""The retina protocol: which class its four games are played for."""

import torch
from helpers.networks import TinyNet, smooth_images

from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.retina import FLIPS, RetinaFGVis


class Sides(TinyNet):
    """A network whose most likely class is 0 for an image, and another one for each of its flips."""

    def forward(self, images):
        ramp = (
            torch.linspace(-1, 1, images.shape[3]).expand_as(images)
            + 2 * torch.linspace(-1, 1, images.shape[2])[:, None]
        )
        side = (images * ramp).mean(dim=(1, 2, 3))
        return torch.stack([side, -side, 0 * side], dim=1) * 1000 + super().forward(images)[:, :3]


def test_flips_are_explained_for_the_class_that_is_played_not_for_their_own(monkeypatch):
    model, image = Sides(3).eval(), smooth_images(1, 24)
    with torch.no_grad():
        own = [int(model(image.flip(flip)).argmax()) for flip in ((), *FLIPS)]
    played, play = [], FGVis.__call__

    def watched(self, model, images, targets=None, **options):
        result = play(self, model, images, targets, **options)
        played.append((images, int(result.target)))
        return result

    monkeypatch.setattr(FGVis, "__call__", watched)
    RetinaFGVis(FGVis(lam=1e-10, lr=0.25, iterations=2))(model, image)
    assert len(set(own)) > 1, "a flip has another most likely class"
    assert [target for _, target in played] == [own[0]] * 4
    for (shown, _), flip in zip(played, ((), *FLIPS), strict=True):
        assert torch.equal(shown, image.flip(flip))
