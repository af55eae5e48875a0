"""Evidence on request: the same as localize gives, for a class of choice, and cancelled at a step."""

import math

import numpy as np
import pytest

from retina_xai.app.viewer.findings import Question, evidence_of_record, find_evidence
from retina_xai.app.viewer.jobs import Cancelled, Job
from retina_xai.explainers.registry import fundus_explainer
from retina_xai.lesions.candidates import lesion_candidates
from retina_xai.localization import localize, with_effects
from retina_xai.models.checkpoint import load_classifier
from retina_xai.records import record_of, run_facts


@pytest.fixture(scope="module")
def classifier(weights):
    return load_classifier(weights)


def test_the_evidence_is_that_of_localize(classifier, phantom_photograph):
    job = Job(lambda _: None)
    found = find_evidence(phantom_photograph, classifier, Question("retina"), job)
    plain = localize(phantom_photograph, classifier, fundus_explainer("retina"), ungradable=True)
    assert np.array_equal(found.evidence, plain.evidence)
    assert found.candidates == with_effects(plain, classifier).lesions
    assert found.before == pytest.approx(plain.verdict.score, abs=1e-5)
    assert {game for game, _, _ in job.progress} == {0, 1}, "one batch of four games per magnification"
    assert 0 <= found.alone <= 1


def test_candidates_begin_where_the_method_or_the_record_says(classifier, phantom_photograph):
    found = find_evidence(phantom_photograph, classifier, Question("retina"), Job(lambda _: None))
    assert found.candidate_fraction == 0.08
    plain = localize(phantom_photograph, classifier, fundus_explainer("retina"), ungradable=True)
    record = record_of(plain, run_facts(classifier, "retina", fundus_explainer("retina").settings()))
    record["binarisation"]["fraction_of_maximum"] = 0.5
    earlier = evidence_of_record(record, plain.evidence, Question("retina"))
    assert earlier.candidate_fraction == 0.5
    assert earlier.candidates == tuple(lesion_candidates(plain.evidence, 0.5))
    assert 0 < len(earlier.candidates) != len(found.candidates)


def test_the_other_class_scores_the_rest(classifier, phantom_photograph):
    found = find_evidence(phantom_photograph, classifier, Question("saliency", "non-RDR"), Job(lambda _: None))
    plain = localize(phantom_photograph, classifier, fundus_explainer("saliency"), ungradable=True)
    assert found.before == pytest.approx(1 - plain.verdict.score, abs=1e-5)
    assert math.isnan(found.without)
    assert math.isnan(found.alone)


def test_a_cancelled_job_stops_at_its_first_step(classifier, phantom_photograph):
    job = Job(lambda _: None)
    job.cancelled.set()
    with pytest.raises(Cancelled):
        find_evidence(phantom_photograph, classifier, Question("fgvis"), job)
    assert job.progress == []


def test_a_record_gives_the_same_answer(classifier, phantom_photograph):
    plain = localize(phantom_photograph, classifier, fundus_explainer("saliency"), ungradable=True)
    record = record_of(plain, run_facts(classifier, "saliency", fundus_explainer("saliency").settings()))
    found = evidence_of_record(record, plain.evidence, Question("saliency"))
    assert found.candidates == plain.lesions
    assert found.before == pytest.approx(plain.verdict.score, abs=1e-6)
    assert found.earlier
    assert math.isnan(found.without)


def test_a_candidate_at_a_place_that_other_eyes_share_has_a_remark(classifier, phantom_photograph):
    plain = localize(phantom_photograph, classifier, fundus_explainer("saliency"), ungradable=True)
    record = record_of(plain, run_facts(classifier, "saliency", fundus_explainer("saliency").settings()))
    found = evidence_of_record(record, plain.evidence, Question("saliency"), {2: "7 of 61"})
    assert found.remarks == {
        "2": "Candidates at this place of the picture in 7 of 61 eyes: dust on the lens or sensor?"
    }


def test_effects_come_from_the_record_of_an_earlier_run(classifier, phantom_photograph):
    explainer = fundus_explainer("retina")
    plain = with_effects(localize(phantom_photograph, classifier, explainer, ungradable=True), classifier)
    record = record_of(plain, run_facts(classifier, "retina", explainer.settings()))
    earlier = evidence_of_record(record, plain.evidence, Question("retina"))
    assert [one.effect for one in earlier.candidates] == [one.effect for one in plain.lesions]
    for lesion in record["lesions"]:
        del lesion["effect"]
    earlier = evidence_of_record(record, plain.evidence, Question("retina"))
    assert [one.effect for one in earlier.candidates] == [None] * len(plain.lesions)
