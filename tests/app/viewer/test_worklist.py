"""Order, draws and filters of the worklist."""

import hashlib

import pytest
from helpers.viewer_services import open_at, photographs

from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.panels.worklist_page import listed_keys
from retina_xai.app.viewer.session import Session
from retina_xai.app.viewer.worklist import (
    FAILED,
    NOT_SCORED,
    READ,
    SECOND,
    UNREAD,
    Filter,
    Row,
    Scored,
    arranged,
    neighbour,
    ordered,
    rows_of,
    second_readings,
)
from retina_xai.fundus.quality import Gradability
from retina_xai.verdict import NO_REFERABLE_DR, NOT_SURE, REFER, Verdict


def item(name):
    return Item(name, name, None)


def scored(name, score):
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return Scored(sha256, Verdict(Gradability("good", ""), score, 0.5))


def test_patients_come_by_their_highest_score_and_eyes_stay_together():
    scores = {"10_left.png": 0.2, "10_right.png": 0.9, "7_left.png": 0.8, "other.png": 0.3, "7_right.png": 0.1}
    rows = [Row(item(name), scored(name, score)) for name, score in scores.items()]
    rows.append(Row(item("11_left.png")))
    names = [row.item.name for row in ordered(rows)]
    assert names == ["10_left.png", "10_right.png", "7_left.png", "7_right.png", "other.png", "11_left.png"]


def test_a_tenth_of_the_negatives_is_drawn_the_same_on_every_start():
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(95)]
    drawn = second_readings(hashes)
    assert len(drawn) == 10
    assert drawn == second_readings(reversed(hashes))
    assert drawn != second_readings(hashes, seed=1)
    assert second_readings([]) == frozenset()


def test_every_photograph_can_be_drawn():
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(20)]
    assert frozenset().union(*(second_readings(hashes, seed=seed) for seed in range(200))) == frozenset(hashes)


def test_only_negatives_are_offered_twice_and_filters_keep_what_they_say():
    names = {f"{number}_left.png": number / 40 for number in range(40)}
    items = [item(name) for name in (*names, "new.png", "bad.png")]
    known = {name: scored(name, score) for name, score in names.items()} | {"bad.png": Scored(error="bad.png: empty")}
    read = frozenset({known["3_left.png"].sha256})
    rows = rows_of(items, known, read)
    count = {
        choice: sum(Filter(*choice).keeps(row) for row in rows)
        for choice in [
            (REFER, "all"),
            (NOT_SURE, "all"),
            (NOT_SCORED, "all"),
            (FAILED, "all"),
            ("all", READ),
            ("all", UNREAD),
        ]
    }
    assert list(count.values()) == [18, 3, 1, 1, 1, 41]
    second = [row for row in rows if Filter(state=SECOND).keeps(row)]
    assert len(second) == 2
    assert {row.decision for row in second} == {NO_REFERABLE_DR}


@pytest.mark.parametrize(
    ("current", "by", "found"),
    [("b", 1, "c"), ("b", -1, "a"), ("a", -1, None), ("c", 1, None), ("gone", 1, "a"), (None, 1, "a")],
)
def test_neighbours_end_at_both_ends(current, by, found):
    assert neighbour(["a", "b", "c"], current, by) == found


def test_there_is_no_neighbour_in_an_empty_list():
    assert neighbour([], "a", 1) is None


def test_the_filter_finds_a_part_of_the_name():
    rows = [Row(item(name)) for name in ("10_left.png", "10_right.png", "Patient 3, LEFT")]
    assert [row.item.name for row in rows if Filter(text=" left ").keeps(row)] == ["10_left.png", "Patient 3, LEFT"]
    assert not [row for row in rows if Filter(decision=REFER, text="left").keeps(row)]


def test_lines_keep_their_order_and_new_ones_follow():
    rows = [Row(item(name)) for name in "abcd"]
    assert [row.item.key for row in arranged(rows, ("c", "gone", "a"))] == ["c", "a", "b", "d"]


def test_the_list_is_sorted_anew_only_while_nothing_is_open(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    served = open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain"),))
    state = Session()
    names = {one.name: one.key for one in served.folder.items}
    first = listed_keys(state, served)
    assert first == [names[name] for name in ("broken.png", "10_left.png", "10_right.png", "7_left.png")]
    state.scored = {names["7_left.png"]: scored("7_left.png", 0.9)}
    assert listed_keys(state, served)[0] == names["7_left.png"]
    state.current = names["10_left.png"]
    state.scored |= {names["10_left.png"]: scored("10_left.png", 0.95)}
    assert listed_keys(state, served)[0] == names["7_left.png"]
    state.order = ()
    assert listed_keys(state, served)[0] == names["10_left.png"]
