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


def test_flips_are_explained_for_the_class_of_the_image_not_for_their_own(monkeypatch):
    model, images = Sides(3).eval(), smooth_images(2, 24)
    with torch.no_grad():
        own = torch.stack([model(images.flip(flip)).argmax(dim=1) for flip in FLIPS])
    played, play = [], FGVis.__call__

    def watched(self, model, images, targets=None, **options):
        played.append((images, targets.tolist()))
        return play(self, model, images, targets, **options)

    monkeypatch.setattr(FGVis, "__call__", watched)
    RetinaFGVis(FGVis(lam=1e-10, lr=0.25, iterations=2))(model, images)
    assert (own != own[0]).any(), "a flip has another most likely class"
    ((views, targets),) = played
    assert targets == [int(target) for target in own[0] for _ in FLIPS]
    for number, view in enumerate(views):
        assert torch.equal(view[None], images[number // 4, None].flip(FLIPS[number % 4]))


def test_the_result_of_an_image_does_not_depend_on_the_others():
    model, images = Sides(3).eval(), smooth_images(3, 24)
    explain = RetinaFGVis(FGVis(lam=1e-10, lr=0.25, iterations=4))
    batch = explain(model, images)
    for row, image in enumerate(images.split(1)):
        single = explain(model, image)
        assert torch.equal(batch.evidence[row], single.evidence[0])
        assert torch.equal(batch.mask[row], single.mask[0])
