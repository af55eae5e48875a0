"""Games side by side: a row for every combination, and how alike the games are."""

import json

import numpy as np
import pytest
from helpers.networks import TinyNet
from helpers.tiny_network import photographs, tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.gallery import Gallery, _correlations
from retina_xai.evaluation.plots import DOTS, INCH
from retina_xai.explainers.fgvis import FGVis
from retina_xai.io.images import read_image


def test_a_row_for_every_network_game_rate_and_lambda(tmp_path):
    networks = (tiny_network(), tiny_network(TinyNet(3).eval(), ("x", "y", "z"), "second"))
    subject = Subject(networks, photographs(tmp_path / "in", ("a",)))
    gallery = Gallery(("deletion", "preservation"), (0.1, 0.3), (1e-6,), iterations=3)
    summary = run_experiment(gallery, subject, tmp_path / "out").findings
    games = json.loads((tmp_path / "out" / "result.json").read_text())["cases"][0]["games"]
    assert len(games) == 8
    assert summary.table.index.tolist()[:8] == list(games)
    assert len(summary.table) == 8 + 4
    image = networks[1].input_of(read_image(subject.images[0]))
    alone = FGVis("deletion", 1e-6, 0.3, 3)(networks[1].model, image)
    row = games["second deletion lr=0.3 lambda=1e-06"]
    assert row["after"] == float(alone.score_after)
    assert row["evidence"] == float(alone.evidence.mean())
    assert row["class"] in {"x", "y", "z"}
    correlations = [name for name in summary.figures if name.startswith("correlation.")]
    assert len(correlations) == 4
    whole, masks = (read_image(tmp_path / "out" / "pictures" / f"a_{name}.png").pixels for name in ("gallery", "masks"))
    assert len(whole) == len(masks) > 8 * 200
    assert masks.shape[1] == whole.shape[1] - 2 * INCH * DOTS, "without photograph and explanation"


def test_without_lambdas_each_game_searches(tmp_path):
    subject = Subject((tiny_network(),), photographs(tmp_path / "in", ("a",)))
    run_experiment(Gallery(("generation",), iterations=4), subject, tmp_path / "out")
    games = json.loads((tmp_path / "out" / "result.json").read_text())["cases"][0]["games"]
    alone = FGVis("generation", lr=0.1, iterations=4)(
        subject.network.model, subject.network.input_of(read_image(subject.images[0]))
    )
    assert games["tiny generation lr=0.1 lambda=search"]["lambda"] == float(alone.lam)


def test_correlations_are_between_games_only_and_undefined_for_flat_maps():
    ramp = np.arange(10.0)
    maps = {
        "net deletion lr=0.1 lambda=search": ramp,
        "net repression lr=0.1 lambda=search": -2 * ramp,
        "net deletion lr=0.3 lambda=search": ramp,
        "net generation lr=0.3 lambda=search": np.ones(10),
    }
    found = _correlations(maps)
    assert found["net deletion-repression lr=0.1 lambda=search"] == pytest.approx(-1)
    assert np.isnan(found["net deletion-generation lr=0.3 lambda=search"])
    assert len(found) == 2


def test_a_game_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="unknown game 'chess'"):
        Gallery(game=("chess",))
