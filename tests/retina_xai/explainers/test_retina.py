"""The retina protocol: its views, and which class its games are played for."""

import pytest
import torch
from helpers.networks import TinyNet, smooth_images
from torch import nn

from retina_xai.errors import ModelError, UsageError
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
    enlarged = nn.functional.interpolate(images, (34, 34), mode="bicubic")
    for (views, targets), shown in zip(played, (images, enlarged), strict=True):
        assert targets == [int(target) for target in own[0] for _ in FLIPS]
        for number, view in enumerate(views):
            assert torch.equal(view[None], shown[number // 4, None].flip(FLIPS[number % 4]))


def test_the_result_of_an_image_does_not_depend_on_the_others():
    model, images = Sides(3).eval(), smooth_images(3, 24)
    explain = RetinaFGVis(FGVis(lam=1e-10, lr=0.25, iterations=4))
    batch = explain(model, images)
    for row, image in enumerate(images.split(1)):
        single = explain(model, image)
        assert torch.equal(batch.evidence[row], single.evidence[0])
        assert torch.equal(batch.mask[row], single.mask[0])


class Bright(nn.Module):
    """Two classes; the score of class 1 is the sigmoid of four times the mean minus 2. Notes the sizes of images."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, images):
        self.sizes.append(images.shape[-1])
        level = 4 * torch.relu(images).mean(dim=(1, 2, 3)) - 2
        return torch.stack([torch.zeros_like(level), level], dim=1)


def test_only_images_above_the_stop_are_enlarged():
    images = torch.stack([torch.full((3, 20, 20), 0.0), torch.full((3, 20, 20), 1.0)])  # scores 0.12 and 0.88
    explain = RetinaFGVis(FGVis(lam=0.0, lr=0.1, iterations=3, stop_score=0.2), magnifications=(1.0, 1.5))
    dark = Bright()
    assert explain(dark, images[:1], 1).evidence.max() == 0
    assert set(dark.sizes) == {20}
    both = explain(Bright(), images, 1)
    assert both.evidence[0].max() == 0
    assert both.evidence[1].max() > 0
    torch.testing.assert_close(both.evidence[1], explain(Bright(), images[1:], 1).evidence[0])


def test_evidence_is_the_power_mean_over_magnifications():
    model, images = TinyNet().eval(), smooth_images(2, 28)
    settings = {"game": FGVis(lam=1e-10, lr=0.25, iterations=4), "smoothing": 2 / 28}
    found = RetinaFGVis(**settings, magnifications=(1.0, 2.0))(model, images, 1)
    enlarged = nn.functional.interpolate(images, (56, 56), mode="bicubic")
    alone = [
        RetinaFGVis(settings["game"], smoothing, magnifications=(1.0,))(model, one, 1).attribution.sqrt()
        for one, smoothing in ((images, 2 / 28), (enlarged, 2 / 56))
    ]
    reduced = nn.functional.interpolate(alone[1], (28, 28), mode="bilinear", antialias=True)
    torch.testing.assert_close(found.attribution, ((alone[0] + reduced) / 2).square())
    assert RetinaFGVis(**settings, magnifications=(1.0, 2.0)).plan().games == 2
    assert found.settings["magnifications"] == [1.0, 2.0]


def test_evidence_is_comparable_between_photographs():
    model, images = TinyNet().eval(), smooth_images(2, 28)
    game = FGVis(lam=1e-10, lr=0.25, iterations=4)
    found = RetinaFGVis(game, half_change=0.02)(model, images, 1)
    change = found.attribution[:, 0] * found.score_before[:, None, None]
    assert change.max() > 0.02
    torch.testing.assert_close(found.evidence, change / (change + 0.02))
    relative = RetinaFGVis(game, half_change=0)(model, images, 1)
    torch.testing.assert_close(relative.attribution, found.attribution)
    torch.testing.assert_close(relative.evidence.amax(dim=(1, 2)), relative.score_before)


@pytest.mark.parametrize("half_change", [-0.1, float("nan"), float("inf")])
def test_half_change_is_a_number_of_at_least_0(half_change):
    with pytest.raises(UsageError, match="give a finite number of at least 0"):
        RetinaFGVis(half_change=half_change)


def test_a_network_of_one_input_size_needs_one_magnification():
    model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(3 * 20 * 20, 2))
    images = smooth_images(1, 20)
    game = FGVis(lam=1e-10, lr=0.25, iterations=2)
    with pytest.raises(ModelError, match=r"not accept images of 29 x 29 pixels: give magnifications=\(1.0,\)"):
        RetinaFGVis(game)(model, images, 0)
    assert RetinaFGVis(game, magnifications=(1.0,))(model, images, 0).evidence.shape == (1, 20, 20)


@pytest.mark.parametrize("magnifications", [(), (2.0,), (1.0, 0.5), (1.0, 5.0)])
def test_magnifications_begin_with_1_and_enlarge(magnifications):
    with pytest.raises(UsageError, match="give 1.0 first, and factors from 1 to 4"):
        RetinaFGVis(magnifications=magnifications)
