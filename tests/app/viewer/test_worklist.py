"""Order, draws and filters of the worklist."""

import hashlib

import pytest
from helpers.viewer_services import open_at, photographs

from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.panels.worklist_page import _headings, listed_keys
from retina_xai.app.viewer.session import Session
from retina_xai.app.viewer.worklist import (
    FAILED,
    NOT_SCORED,
    READ,
    SAMPLE,
    UNREAD,
    Filter,
    Order,
    Row,
    Scored,
    arranged,
    by_name,
    by_urgency,
    neighbour,
    quality_sample,
    rows_of,
)
from retina_xai.fundus.quality import Gradability
from retina_xai.verdict import NO_REFERABLE_DR, NOT_SURE, REFER, UNGRADABLE, Verdict


def item(name):
    return Item(name, name, None)


def scored(name, score):
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return Scored(sha256, Verdict(Gradability("good", ""), score, 0.5))


def test_patients_come_by_their_highest_score_and_eyes_stay_together():
    scores = {"10_left.png": 0.2, "10_right.png": 0.9, "7_left.png": 0.8, "other.png": 0.3, "7_right.png": 0.1}
    rows = [Row(item(name), scored(name, score)) for name, score in scores.items()]
    rows.append(Row(item("11_left.png")))
    order = by_urgency(rows)
    assert order.keys == ("10_left.png", "10_right.png", "7_left.png", "7_right.png", "other.png", "11_left.png")
    assert list(order.groups.values()) == [REFER] * 4 + [NO_REFERABLE_DR, NOT_SCORED]


def test_groups_come_by_urgency_and_a_patient_is_in_the_most_urgent_one():
    verdicts = {"1_left": 0.9, "2_left": 0.49, "3_left": 0.1, "3_right": 0.6, "4_left": 0.2}
    known = {name: scored(name, score) for name, score in verdicts.items()}
    bad = {"5_left": Verdict(Gradability("ungradable", "dark"), 0.95, 0.5), "6_left": None}
    known |= {name: Scored(name, verdict) for name, verdict in bad.items()}
    order = by_urgency([Row(item(name), one) for name, one in known.items()] + [Row(item("new"))])
    assert list(order.groups.items()) == [
        *[("1_left", REFER), ("3_left", REFER), ("3_right", REFER), ("2_left", NOT_SURE), ("5_left", UNGRADABLE)],
        *[("4_left", NO_REFERABLE_DR), ("new", NOT_SCORED), ("6_left", FAILED)],
    ]


def test_names_are_sorted_by_their_numbers():
    rows = [Row(item(name)) for name in ("10_left", "b 2", "7_right", "7_left", "", "B 1")]
    assert by_name(rows).keys == ("", "7_left", "7_right", "10_left", "B 1", "b 2")
    assert by_name(rows).groups == {}


def test_a_tenth_of_the_negatives_is_drawn_the_same_on_every_start():
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(95)]
    drawn = quality_sample(hashes)
    assert len(drawn) == 10
    assert drawn == quality_sample(reversed(hashes))
    assert drawn != quality_sample(hashes, seed=1)
    assert quality_sample([]) == frozenset()


def test_every_photograph_can_be_drawn():
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(20)]
    assert frozenset().union(*(quality_sample(hashes, seed=seed) for seed in range(200))) == frozenset(hashes)


def test_only_negatives_are_in_the_sample_and_filters_keep_what_they_say():
    names = {f"{number}_left.png": number / 40 for number in range(40)}
    items = [item(name) for name in (*names, "new.png", "bad.png")]
    known = {name: scored(name, score) for name, score in names.items()} | {"bad.png": Scored(error="bad.png: empty")}
    rows = rows_of(items, known, {known["3_left.png"].sha256: "refer, grade 2"})
    assert [row.own for row in rows if row.own] == ["refer, grade 2"]
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
    sample = [row for row in rows if Filter(state=SAMPLE).keeps(row)]
    assert len(sample) == 2
    assert {row.decision for row in sample} == {NO_REFERABLE_DR}


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
    state.order = Order()
    assert listed_keys(state, served)[0] == names["10_left.png"]


def test_a_patient_is_grouped_once_in_headings_with_counts():
    scores = {"10_left.png": 0.2, "10_right.png": 0.9, "other.png": 0.3}
    rows = [Row(item(name), scored(name, score)) for name, score in scores.items()]
    order = by_urgency(rows)
    assert _headings(rows, order) == {
        "10_left.png": "Refer: 1 patient, 2 photographs",
        "10_right.png": "Refer: 1 patient, 2 photographs",
        "other.png": "No referable DR found: 1",
    }
    assert _headings([*rows[:1], Row(item("late.png"))], order) == {
        "10_left.png": "Refer: 1",
        "late.png": "New: not in the order yet: 1",
    }
    assert _headings(rows, by_name(rows)) == _headings(rows, by_urgency([Row(item(name)) for name in scores])) == {}
