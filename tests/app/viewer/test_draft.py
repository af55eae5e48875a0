"""What a reader does to candidates: kept, rejected, edited."""

import pytest

from retina_xai.app.viewer.draft import Draft
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Outline

SHAPE = Outline((((0.5, 0.5), (3.5, 0.5), (3.5, 3.5), (0.5, 3.5)), ((1.5, 1.5), (1.5, 2.5), (2.5, 2.5), (2.5, 1.5))))
CANDIDATE = Annotation("1", "unspecified", SHAPE, "candidate", score=0.5)


@pytest.mark.parametrize("lesion_type", ["unspecified", "hard_exudates"])
def test_an_edited_candidate_keeps_its_type_its_holes_and_its_score(lesion_type):
    draft = Draft(types={"1": lesion_type})
    draft.edit(CANDIDATE)
    (copy,) = draft.drawn
    assert (copy.id, copy.type, copy.origin, copy.status) == ("candidate-1", lesion_type, "candidate", "moved")
    assert (copy.shape, copy.score) == (SHAPE, 0.5)
    assert draft.rejected == {"1"}


def test_a_candidate_is_edited_once():
    draft = Draft()
    draft.edit(CANDIDATE)
    draft.edit(CANDIDATE)
    assert len(draft.drawn) == 1


@pytest.mark.parametrize(("act", "rejected"), [("reject", {"1"}), ("keep", set())])
def test_the_copy_of_a_candidate_is_removed_when_the_candidate_is_rejected_or_kept(act, rejected):
    other = Annotation("other", "unspecified", SHAPE, "reader", "added")
    draft = Draft(drawn=(other,))
    draft.edit(CANDIDATE)
    getattr(draft, act)(CANDIDATE)
    assert draft.drawn == (other,)
    assert draft.rejected == rejected


def test_a_rejected_candidate_is_not_edited():
    draft = Draft(rejected={"1"})
    draft.edit(CANDIDATE)
    assert draft.drawn == ()


def test_edits_do_not_change_with_the_draft():
    draft = Draft()
    edits = draft.edits
    draft.reject(CANDIDATE)
    draft.types["1"] = "haemorrhages"
    assert (edits.rejected, edits.types) == (frozenset(), {})
