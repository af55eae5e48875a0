"""Records: candidates against an independent slow implementation, and checks on reading."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import ndimage

from retina_xai.errors import InputError
from retina_xai.explainers.gradients import Saliency
from retina_xai.io.files import write_json
from retina_xai.localization import localize
from retina_xai.models.checkpoint import load_classifier
from retina_xai.records import read_record, record_of, run_facts


def candidates_of(evidence):
    """Centroid, area, score and box of every region, pixel by pixel."""
    labels, count = ndimage.label((evidence >= 0.04 * evidence.max()) & (evidence > 0.01), np.ones((3, 3)))
    found = []
    for label in range(1, count + 1):
        rows, columns = np.nonzero(labels == label)
        box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
        score = float(evidence[rows, columns].max())
        x, y = int(columns.sum()) / len(columns), int(rows.sum()) / len(rows)
        found.append({"x": x, "y": y, "area": len(rows), "score": score, "box": box})
    return sorted(found, key=lambda one: -one["score"])


@pytest.fixture(scope="module")
def localization(phantom_photograph, weights):
    return localize(phantom_photograph, load_classifier(weights), Saliency(), ungradable=True)


def test_candidates_are_exactly_the_regions_of_the_evidence(localization, weights):
    record = record_of(localization, run_facts(load_classifier(weights), "saliency", {}))
    assert len(record["lesions"]) > 5
    unmeasured = {"effect": None, "effect_rank": None}
    assert record["lesions"] == [{**one, **unmeasured} for one in candidates_of(localization.evidence)]
    assert list(record["lesions"][0]) == ["x", "y", "area", "score", "box", "effect", "effect_rank"]


def test_candidates_keep_their_order_and_are_ranked_by_their_effect(localization, weights):
    effects = (0.5, None, -1.0, 2.0)
    lesions = tuple(replace(one, effect=effect) for one, effect in zip(localization.lesions, effects, strict=False))
    record = record_of(replace(localization, lesions=lesions), run_facts(load_classifier(weights), "saliency", {}))
    assert [(one["effect"], one["effect_rank"]) for one in record["lesions"]] == [
        *((0.5, 2), (None, None), (-1.0, 3), (2.0, 1))
    ]


def test_the_verdict_of_a_record_is_that_of_the_photograph(localization, weights):
    record = record_of(localization, run_facts(load_classifier(weights), "saliency", {}))
    verdict = localization.verdict
    assert record["gradability"] == asdict(verdict.gradability)
    assert record["prediction"] == {
        **{"rdr_score": verdict.score, "threshold": verdict.threshold},
        **{"margin": 0.03, "decision": verdict.decision},
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"schema_version": 1, "file": {}, "lesions": []},
            "a record of another version of retina-xai; choose another output folder",
        ),
        ({"file": {}}, "not a record of retina-xai localize; remove it or choose another folder"),
    ],
)
def test_other_files_are_refused_as_records(tmp_path, content, message):
    write_json(tmp_path / "a.json", content)
    with pytest.raises(InputError, match=f"a.json: {message}"):
        read_record(tmp_path / "a.json")
