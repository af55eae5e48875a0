"""What the page says of a search."""

import math
from dataclasses import replace

import numpy as np
import pytest

from retina_xai.app.viewer.earlier_results import find_earlier
from retina_xai.app.viewer.findings import Evidence, Question
from retina_xai.app.viewer.snapshot import NOT_MEASURED, PARTIAL, search_facts
from retina_xai.errors import InputError
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk

FOUND = Evidence(Question("retina"), np.zeros((4, 4), np.float32), (), {}, 0.1, before=0.9, without=0.7, alone=0.8)


def test_evidence_that_leaves_the_score_high_is_said_to_explain_a_part(served):
    threshold = served.classifier.facts.threshold
    assert search_facts(FOUND, served)["caution"] == PARTIAL
    for changes in ({"without": threshold - 0.01}, {"before": threshold - 0.01}, {"without": math.nan}):
        assert search_facts(replace(FOUND, **changes), served)["caution"] == ""
    other = replace(FOUND, question=Question("retina", "non-RDR"))
    assert search_facts(other, served)["caution"] == ""


def test_the_words_are_those_of_a_clinician(served):
    shown = search_facts(replace(FOUND, earlier=True, iterations=12), served)
    assert shown["figures"] == [
        ["Score", "0.900"],
        ["With these areas removed", "0.700"],
        ["These areas alone", "0.800"],
    ]
    assert shown["told"] == "Score of RDR; 12 steps, goal reached, precomputed"
    assert shown["measured"] == [NOT_MEASURED]
    assert "--" not in NOT_MEASURED


def test_areas_are_sent_in_pixels_because_the_page_knows_the_marked_disc(served):
    spot = Annotation("1", "unspecified", Disk(50.0, 50.0, 10.0), "candidate", score=0.5)
    assert search_facts(replace(FOUND, candidates=(spot,)), served)["areas"] == {"1": pytest.approx(100 * math.pi)}


HEAD = "file,result,lesion,x,y,radius,eyes,of,by_chance,score,score_without,decision,decision_without\n"


@pytest.fixture
def results(tmp_path):
    """A folder of results of localize, with nothing localized."""
    (tmp_path / "settings.json").write_text('{"method": 1, "model": 2, "ungradable": false}')
    return tmp_path


def test_suspicious_places_are_those_of_the_table_of_artefacts(results):
    assert find_earlier([results]).places == {}
    (results / "artefacts.csv").write_text(HEAD + "a.png,a,3,9,8,2,7,61,0.1,,,,\na.png,a,5,1,2,2,4,61,0.1,,,,\n")
    assert find_earlier([results]).places == {results / "a.json": {3: "7 of 61", 5: "4 of 61"}}


@pytest.mark.parametrize("row", ["a.png,a,x,9,8,2,7,61,0.1,,,,\n", "a.png,a,3\n"])
def test_a_damaged_table_of_artefacts_is_one_line(results, row):
    (results / "artefacts.csv").write_text(HEAD + row)
    with pytest.raises(InputError, match="a damaged table .*; localize again"):
        find_earlier([results])
