"""Verdicts: quality before threshold, invalid scores, and JSON round trip."""

import json
import math

import pytest

from retina_xai.errors import InputError
from retina_xai.fundus.quality import Gradability
from retina_xai.verdict import Verdict

VERDICT = Verdict(Gradability("usable", "soft: small lesions may be missed", 0.4), 0.1 + 0.2, 0.5)


@pytest.mark.parametrize(
    ("quality", "score", "decision"),
    [
        ("good", 0.53, "refer"),
        ("good", 0.529, "not sure"),
        ("good", 0.47, "not sure"),
        ("good", 0.469, "no referable DR found"),
        ("usable", 0.53, "refer"),
        ("usable", 0.5, "not sure"),
        ("usable", 0.469, "ungradable"),
        ("ungradable", 0.1, "ungradable"),
        ("ungradable", 0.9, "ungradable"),
    ],
)
def test_the_table_of_decisions(quality, score, decision):
    assert Verdict(Gradability(quality, ""), score, 0.5).decision == decision


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.01, 1.01, None, "0.5", True])
def test_an_invalid_score_is_refused(score):
    with pytest.raises(InputError, match="score .*: expected a number from 0 to 1"):
        Verdict(Gradability("good", ""), score, 0.5)
    with pytest.raises(InputError, match="threshold .*: expected a number from 0 to 1"):
        Verdict(Gradability("good", ""), 0.5, score)


def test_json_round_trip():
    assert Verdict.from_json(json.loads(json.dumps(VERDICT.to_json()))) == VERDICT
    assert VERDICT.to_json() == {
        "gradability": {"verdict": "usable", "reason": "soft: small lesions may be missed", "score": 0.4},
        "prediction": {"rdr_score": 0.1 + 0.2, "threshold": 0.5, "margin": 0.03, "decision": "ungradable"},
    }


def test_a_verdict_of_an_earlier_version_keeps_its_decision():
    """Earlier versions had no margin, and reported usable photographs as negative."""
    for score, decision in ((0.3, "no referable DR found"), (0.5, "refer")):
        earlier = VERDICT.to_json()
        earlier["prediction"] = {"rdr_score": score, "threshold": 0.5, "decision": decision}
        verdict = Verdict.from_json(earlier)
        assert verdict.decision == decision
        assert Verdict.from_json(verdict.to_json()) == verdict


@pytest.mark.parametrize(
    ("part", "name", "value", "message"),
    [
        (
            "prediction",
            "decision",
            "refer",
            "decision 'refer': expected 'ungradable' for this",
        ),
        ("prediction", "rdr_score", math.nan, "score nan: expected a number"),
        ("prediction", "threshold", [1], r"threshold \[1\]: expected a number"),
        ("prediction", "margin", -1, "margin -1: expected a number from 0 to 1"),
        ("gradability", "verdict", "fine", "image quality 'fine': expected one of good, usable, ungradable"),
        ("gradability", "reason", 5, "reason for the image quality of type int: expected a text"),
    ],
)
def test_invalid_values_are_refused(part, name, value, message):
    values = VERDICT.to_json()
    values[part][name] = value
    with pytest.raises(InputError, match=message) as caught:
        Verdict.from_json(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [None, [], {}, {"prediction": {}, "gradability": None}])
def test_other_json_is_refused(values):
    with pytest.raises(InputError, match="not a verdict .*; score the photograph again"):
        Verdict.from_json(values)
