"""A3: the two swaps, where the true class comes from, and what is kept."""

import numpy as np
import pytest
import torch
from helpers.tiny_network import tiny_network
from torch import nn

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.colour_bias import SWAPS, ColourBias, by_class, swapped
from retina_xai.evaluation.experiments.true_class import true_class
from retina_xai.io.images import write_png

COLOURS = ("red", "green", "blue")


class Strongest(nn.Module):
    """Logits are ten times the mean of each colour channel: a net that knows colour only."""

    def forward(self, images):
        return 10 * images.mean(dim=(2, 3))


class Grey(nn.Module):
    """Logits that no order of the channels changes."""

    def forward(self, images):
        grey = images.sum(dim=1).mean(dim=(1, 2)) * 0
        return torch.stack([grey + 1, grey, grey], dim=1)


@pytest.fixture
def paintings(tmp_path):
    """One photograph of each colour, named as ImageNet's files are."""
    for number, colour in enumerate(COLOURS):
        pixels = np.full((80, 80, 3), 60, np.uint8)
        pixels[..., number] = 220
        write_png(tmp_path / "in" / f"n0000000{number}_{colour}.png", pixels)
    return tuple(sorted((tmp_path / "in").iterdir()))


def test_swaps_are_those_of_the_paper():
    red, green, blue = 1, 2, 3
    pixel = np.array([[[red, green, blue]]], np.uint8)
    # In BGR order the paper's swaps read R, B, G and G, R, B.
    assert swapped(pixel, "rbg")[0, 0, ::-1].tolist() == [red, blue, green]
    assert swapped(pixel, "grb")[0, 0, ::-1].tolist() == [green, red, blue]


def test_no_channel_stays_and_one_swap_undoes_the_other():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    for swap in SWAPS:
        assert all(place != channel for place, channel in enumerate(SWAPS[swap]))
    assert np.array_equal(swapped(swapped(pixels, "rbg"), "grb"), pixels)


def test_a_net_that_knows_colour_only_loses_all_and_one_that_sees_none_keeps_all(paintings, tmp_path):
    known = run_experiment(
        ColourBias(least=1), Subject((tiny_network(Strongest(), COLOURS),), paintings), tmp_path / "colour"
    ).findings.figures
    assert (known["n"], known["true_positives"], known["classes"]) == (3, 3, 3)
    assert known["kept.rbg"] == known["kept.grb"] == 0
    assert (known["class.red.kept.rbg"], known["judged_classes"]) == (0, 3)
    blind = run_experiment(
        ColourBias(), Subject((tiny_network(Grey(), COLOURS),), paintings), tmp_path / "grey"
    ).findings.figures
    # It calls everything red, so red alone is a true positive.
    assert (blind["true_positives"], blind["kept.rbg"], blind["kept.grb"]) == (1, 1, 1)


def test_nothing_is_said_of_a_class_with_few_photographs(paintings, tmp_path):
    subject = Subject((tiny_network(Strongest(), COLOURS),), paintings)
    done = run_experiment(ColourBias(shown=0, least=2), subject, tmp_path / "out").findings
    assert "0 of 3 classes have at least 2 true positives, so nothing is said of single classes" in done.caption
    assert not [name for name in done.figures if name.startswith("class.")]
    assert done.pictures == {}
    assert [row for row in done.table.index if "published" not in row] == ["all"]
    with pytest.raises(UsageError, match="least 0: give at least 1 photograph"):
        ColourBias(least=0)


def test_without_a_class_in_the_name_the_prediction_stands_in(paintings, tmp_path):
    for number, path in enumerate(paintings):
        path.rename(path.with_name(f"IMG_{number}.png"))
    subject = Subject((tiny_network(Strongest(), COLOURS),), tuple(sorted((tmp_path / "in").iterdir())))
    summary = run_experiment(ColourBias(shown=0), subject, tmp_path / "out").findings
    assert summary.figures["true_positives"] == 3
    assert "3 bear no class in their name: the class predicted for the plain photograph" in summary.caption


def test_classes_are_ordered_from_most_to_least_affected():
    def record(name, kept, score):
        after = {"right": kept, "score": score}
        return {"class": name, "plain": {"right": True, "score": 0.5}, "rbg": after, "grb": after}

    frame = by_class(
        [record("bus", False, 0.1), record("van", True, 0.4), record("van", False, 0.2), record("car", False, 0.2)]
    )
    assert frame.index.tolist() == ["bus", "car", "van"]
    assert frame.loc["van"].tolist() == [2, 1, 1, pytest.approx(0.6), pytest.approx(0.6)]
    assert by_class([]).empty


def test_the_true_class_of_a_photograph(tmp_path):
    classes = ("tench", "great white shark", "American dipper")
    (tmp_path / "set" / "val").mkdir(parents=True)
    file = tmp_path / "set" / "val" / "n01601694_water_ouzel.JPEG"
    assert true_class(file, classes) is None
    assert true_class(file.with_name("n01440764_tench.JPEG"), classes) == 0
    assert true_class(tmp_path / "Great_White_Shark" / "7.jpg", classes) == 1
    assert true_class(tmp_path / "0.jpg", classes) is None
    (tmp_path / "set" / "synset_words.txt").write_text("n01440764 tench\nn01484850 shark\nn01601694 water ouzel\n")
    assert true_class(file, classes) == 2
    assert true_class(tmp_path / "set" / "n01484850" / "n01484850_17.JPEG", classes) == 1
    assert true_class(file, classes[:2]) is None


def test_the_names_of_the_real_photographs_are_classes(real_data):
    from retina_xai.models.imagenet import categories

    paths = sorted((real_data / "imagenet" / "val").iterdir())
    assert [true_class(path, categories()) for path in paths] == list(range(0, 1000, 5))
