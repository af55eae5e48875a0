"""Means, the best method, paired differences, and what is not applicable, from records with known answers."""

import math

import pytest
from helpers.tiny_network import tiny_network

from retina_xai.errors import UsageError
from retina_xai.evaluation.comparison.page import caption_of, table_of, verdicts_of
from retina_xai.evaluation.comparison.registry import METRICS, chosen_metrics
from retina_xai.evaluation.comparison.summary import frame_of, summary_of

NAMES = ("deletion", "insertion", "deletion-noise")


def records_of(values):
    """Records of methods: for each the deletion areas of its photographs; insertion is 1 - deletion."""
    return [
        {
            "method": method,
            "photograph": f"p{number}",
            "values": {"deletion": area, "insertion": 1 - area, "deletion-noise": area - 0.1},
            "seconds": 2.0,
            "passes": 20.0,
            "memory": None,
            "converged": True,
        }
        for method, areas in values.items()
        for number, area in enumerate(areas)
    ]


AREAS = {
    "fgvis": (0.10, 0.20, 0.30, 0.20),
    "fgvis-undefended": (0.01, 0.01, 0.01, 0.01),
    "grad-cam": (0.40, 0.50, 0.60, 0.50),
    "saliency": (0.30, 0.05, 0.45, 0.10),
    "random": (0.0, 0.0, 0.0, 0.0),
}


@pytest.fixture(scope="module")
def found():
    return summary_of(records_of(AREAS), NAMES, 200, 0)


def test_the_best_has_the_best_mean_and_is_no_control_and_no_ablation(found):
    assert found.metrics["deletion"].best == "fgvis"
    assert found.metrics["insertion"].best == "fgvis"
    assert found.metrics["deletion-noise"].best is None
    assert found.metrics["deletion"].means["fgvis"].value == pytest.approx(0.2)


def test_differences_are_paired_and_an_interval_without_zero_tells_methods_apart(found):
    deletion = found.metrics["deletion"]
    other = deletion.differences["grad-cam"]
    assert (other.value, other.interval.low, other.interval.high) == (pytest.approx(0.3),) * 3
    assert deletion.mark("grad-cam") == ""
    assert deletion.differences["saliency"].value == pytest.approx(0.025)
    assert deletion.mark("saliency") == "tied"
    assert deletion.mark("fgvis") == "best"
    assert "fgvis" not in deletion.differences


def test_only_photographs_that_every_method_has_count():
    records = records_of(AREAS)
    missing = [one for one in records if (one["method"], one["photograph"]) != ("saliency", "p2")]
    found = summary_of(missing, NAMES, 50, 0)
    assert found.photographs == 3
    assert found.metrics["deletion"].means["fgvis"].value == pytest.approx(0.5 / 3)


def test_undefined_values_are_left_out_and_counted():
    records = records_of(AREAS)
    next(one for one in records if one["method"] == "grad-cam")["values"]["deletion"] = None
    found = summary_of(records, NAMES, 50, 0).metrics["deletion"]
    assert found.means["grad-cam"].n == 3
    assert found.means["fgvis"].n == 4
    assert found.differences["grad-cam"].n == 3
    for one in records:
        one["values"]["insertion"] = None
    empty = summary_of(records, NAMES, 50, 0).metrics["insertion"]
    assert empty.best is None
    assert math.isnan(empty.means["fgvis"].value)


def test_a_refused_method_is_named_and_does_not_remove_photographs():
    refused = [{"method": "cam", "photograph": "p0", "refused": "no pooling"}]
    found = summary_of([*records_of(AREAS), *refused], NAMES, 50, 0)
    assert found.refused == {"cam": "no pooling"}
    assert "cam" not in found.methods
    assert found.photographs == 4


def test_the_effect_of_noise_is_told_with_its_interval(found):
    assert verdicts_of(found)[0] == ("FGVis: noise on the map lowers the deletion area, -0.1000 (-0.1000 to -0.1000).")


def test_an_effect_that_is_not_certain_and_few_photographs_are_told():
    records = records_of(AREAS)
    for number, one in enumerate(records):
        one["values"]["deletion-noise"] = one["values"]["deletion"] + (0.1 if number % 2 else -0.1)
    uncertain = summary_of(records, NAMES, 200, 0)
    assert verdicts_of(uncertain)[0].endswith("; the interval includes 0.")
    assert "With 4 photographs the intervals are too narrow." in caption_of(uncertain, tiny_network(), 200)
    many = summary_of(records_of({key: areas * 4 for key, areas in AREAS.items()}), NAMES, 50, 0)
    assert many.photographs == 16
    assert "too narrow" not in caption_of(many, tiny_network(), 50)


def test_table_and_frame_hold_every_method_and_metric(found):
    table = table_of(found)
    assert table.loc["FGVis", "deletion ↓"] == "0.2000 *"
    assert table.loc["Saliency", "deletion ↓"] == "0.2250 ~"
    assert table.loc["Random", "insertion ↑"] == "1.0000"
    assert table.loc["FGVis", "bare passes"] == "20"
    frame = frame_of(found).set_index(["method", "metric"])
    assert len(frame) == len(AREAS) * (len(NAMES) + 3)
    assert frame.loc[("grad-cam", "deletion"), "difference_low"] == pytest.approx(0.3)
    assert frame.loc[("fgvis", "deletion"), "mark"] == "best"
    assert math.isnan(frame.loc[("fgvis", "memory"), "mean"])


def test_metrics_are_named_one_by_one_by_group_or_all():
    assert chosen_metrics(["insertion", "deletion"], annotated=False) == ("deletion", "insertion")
    assert chosen_metrics(["complexity"], annotated=False) == ("sparseness", "complexity")
    assert chosen_metrics(["all"], annotated=True) == tuple(METRICS)
    assert not any(METRICS[key].slow or METRICS[key].truth for key in chosen_metrics(None, annotated=False))
    assert "pointing" in chosen_metrics(None, annotated=True)
    with pytest.raises(UsageError, match="unknown metric 'speed': choose of all, faithfulness, controls"):
        chosen_metrics(["speed"], annotated=False)
    with pytest.raises(UsageError, match="metric 'mass' needs the objects: give them with --boxes"):
        chosen_metrics(["mass"], annotated=False)
