"""Figures of explanations: what is drawn where, which files come out, and what is refused."""

import re

import numpy as np
import pytest
import torch
from helpers.tiny_network import tiny_network

from retina_xai import drawing, plot
from retina_xai.errors import InputError, UsageError
from retina_xai.explainers.explainer import rows
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.gradients import Saliency
from retina_xai.io.images import read_image


@pytest.fixture(scope="module")
def made():
    """A network, two images, and their explanations by a game and by a method without a mask."""
    network = tiny_network()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    game = FGVis(lam=1e-8, iterations=3)(network.model, images, 1)
    return network, images, game, Saliency()(network.model, images, 1)


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def picture(figure, number):
    """The data of the picture in one panel."""
    return np.asarray(figure.axes[number].images[0].get_array())


def test_one_explanation_has_its_panels_in_a_row_for_each_image(made):
    network, images, game, saliency = made
    found = titles(plot(saliency, images=images, network=network))
    score = float(saliency.score_before[0])
    assert found[:4] == [f"dog\np {score:.3f}", "evidence over it\n", "evidence\n", "attribution\n32 x 32"]
    assert len(found) == 8
    with_mask = titles(plot(rows(game, slice(0, 1)), images=images[:1], network=network))
    assert [one.split("\n")[0] for one in with_mask] == ["dog", "mask", "1 - mask", "explained", "evidence"]
    assert with_mask[1] == f"mask\nmean {float(game.mask[0].mean()):.3f}"
    assert with_mask[3] == f"explained\np {float(game.score_before[0]):.3f} → {float(game.score_after[0]):.3f}"


def test_several_explanations_stand_side_by_side(made):
    network, images, game, saliency = made
    figure = plot(
        {"FGVis": game, "Saliency": saliency}, images=images, network=network, panels=["overlay", "attribution"]
    )
    found = [one.split("\n")[0] for one in titles(figure)]
    assert found == ["dog", "FGVis", "Saliency"] * 4
    assert picture(figure, 0).shape == (32, 32, 3)


def test_a_signed_map_has_zero_in_the_middle_and_says_where_it_is_cut(made):
    _, _, _, saliency = made
    figure = plot(rows(saliency, slice(0, 1)), panels=["attribution"])
    drawn, values = figure.axes[0].images[0], saliency.attribution[0].sum(dim=0).numpy()
    np.testing.assert_array_equal(drawn.get_array(), values)
    low, high = drawn.get_clim()
    assert low == -high
    assert high == pytest.approx(np.quantile(np.abs(values), 0.995))
    assert drawn.colorbar.extend == "both"
    assert drawn.cmap.name == "RdBu_r"


def test_evidence_begins_at_0_and_ends_at_its_maximum(made):
    _, _, game, _ = made
    drawn = plot(rows(game, slice(0, 1)), panels=["evidence"]).axes[0].images[0]
    assert drawn.get_clim() == (0, pytest.approx(float(game.evidence[0].max())))
    np.testing.assert_array_equal(drawn.get_array(), game.evidence[0].numpy())


def test_the_bar_of_an_overlay_has_the_colours_of_the_overlay(made):
    network, images, game, _ = made
    (panel,) = plot(rows(game, slice(0, 1)), images=images[:1], network=network, panels=["overlay"]).axes
    (bar,) = panel.child_axes
    assert [one.get_cmap() for one in bar.collections if one.get_array() is not None] == [drawing.EVIDENCE_COLOURS]


def test_an_explanation_without_evidence_can_be_drawn(made):
    network, images, _, saliency = made
    empty = rows(saliency, slice(0, 1))
    empty.evidence[:], empty.attribution[:] = 0, 0
    figure = plot(empty, images=images[:1], network=network)
    assert figure.axes[2].images[0].get_clim() == (0, 1)
    assert figure.axes[3].images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_a_file_has_its_format_and_is_the_same_again(made, tmp_path, ending):
    network, images, _, saliency = made
    one = rows(saliency, slice(0, 1))
    files = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for file in files:
        plot(one, file, images=network.preprocessing.to_pixels(images[0]), dpi=50)
    first, second = (file.read_bytes() for file in files)
    assert first == second
    assert first.startswith({"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[ending])
    if ending == "svg":
        assert re.search(r"<text[^>]*>attribution", first.decode()), "text is text"
    if ending == "png":
        assert read_image(files[0]).pixels.shape[1] <= 7.2 * 50


def test_what_cannot_be_drawn_is_refused_with_the_remedy(made, tmp_path):
    network, images, game, saliency = made
    for arguments, message in [
        ({"path": tmp_path / "x.gif"}, "figures are written as .png, .pdf, .svg"),
        ({"panels": ["heat"]}, "unknown panel 'heat': choose of photograph, overlay, evidence"),
        ({"panels": ["mask"]}, "panel 'mask': needs the images and the network, or a mask"),
        ({"images": images}, "images are a normalised tensor: give the network too"),
        ({"dpi": 0}, "dpi 0: give at least 1"),
    ]:
        with pytest.raises(UsageError, match=message):
            plot(saliency, **arguments)
    with pytest.raises(InputError, match=r"expected 2 RGB pictures of \(32, 32\) pixels"):
        plot(saliency, images=images[:1], network=network)
    with pytest.raises(InputError, match="give explanations of the same images"):
        plot({"a": saliency, "b": rows(game, slice(0, 1))})
    with pytest.raises(InputError, match="no explanation"):
        plot({})
