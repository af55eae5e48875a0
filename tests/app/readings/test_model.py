"""Readings are whole or refused, and survive JSON."""

import json
import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from helpers.readings import IMAGE, LESIONS, READING

from retina_xai.app.readings.model import Circle, Finding, ImageFile, Polygon, from_plain, newest, outline_within
from retina_xai.errors import InputError
from retina_xai.fundus.quality import Gradability
from retina_xai.io.images import photograph_of
from retina_xai.localization import Verdict

UNICODE = "Зоя 山田 🙂 e\u0301 \u202e\x00\r\n\t=cmd() <script>"


def test_plain_values_give_the_same_reading_back():
    reading = replace(READING, reader=UNICODE, comment=UNICODE * 50, number=7)
    assert from_plain(json.loads(json.dumps(reading.to_plain()))) == reading


def test_times_are_kept_in_utc():
    east = datetime(2026, 5, 4, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert replace(READING, time=east).to_plain()["time"] == "2026-05-03T23:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reader": " "}, "reader name is empty: enter one"),
        ({"reader": "x" * 101}, "reader name of 101 characters: at most 100 are kept; shorten it"),
        ({"comment": "x" * 4001}, "comment of 4001 characters: at most 4000 are kept; shorten it"),
        ({"comment": "ab\ud800"}, "comment with half a character at 3: expected Unicode"),
        ({"time": datetime(2026, 5, 4)}, "expected one with a time zone"),
        ({"model_sha256": "CD" * 32}, "of the weights: expected a SHA-256, 64 hexadecimal digits"),
        ({"decision": "maybe"}, "reader's decision 'maybe': expected one of agree, disagree, none"),
        ({"lesions": LESIONS[:1] * 2}, "two lesions of one id"),
        ({"lesions": LESIONS * 4000}, "12000 lesions: at most 10000 are kept"),
        ({"settings": {"a": float("nan")}}, "expected plain values that JSON can hold"),
        ({"settings": {"a": object()}}, "expected plain values that JSON can hold"),
    ],
)
def test_unfit_readings_are_one_line(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        replace(READING, **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Circle(1, 2, 0), "circle of radius 0: expected more than 0 pixels"),
        (lambda: Circle(math.inf, 2, 1), "circle with a coordinate that is no finite number"),
        (lambda: Polygon(((0, 0), (1, 1))), "outline of 2 points: expected 3 to 5000"),
        (lambda: Polygon(((0, 0), (1, 1), (1, math.nan))), "outline with a coordinate that is no finite number"),
        (lambda: Polygon(((0, 0), (1, 1), (1,))), "point that is no"),
        (lambda: replace(LESIONS[0], type="drusen"), "lesion type 'drusen': expected one of haemorrhages, "),
        (lambda: replace(LESIONS[0], status="added"), "candidate 'c1' with status 'added': only drawn lesions are"),
        (lambda: replace(LESIONS[0], score=1.5), "score of a lesion 1.5: expected 0 to 1"),
        (lambda: replace(READING.finding, score=math.nan), "score nan: expected 0 to 1"),
        (lambda: replace(IMAGE, sha256="../x"), "of the photograph: expected a SHA-256"),
        (lambda: replace(IMAGE, width=0), "photograph of 0x320 pixels: expected at least 1x1"),
    ],
)
def test_unfit_parts_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("change", [{"image": {}}, {"lesions": [{"id": "x"}]}, {"time": "noon"}, {"lesions": None}])
def test_other_values_are_no_reading(change):
    with pytest.raises(InputError, match="not a reading"):
        from_plain({**READING.to_plain(), **change})


def test_the_last_of_each_photograph_weights_and_reader_counts():
    first = replace(READING, number=1)
    second = replace(READING, number=2, reader="Bob")
    third = replace(READING, number=3, decision="agree")
    fourth = replace(READING, number=4, model_sha256="ef" * 32)
    assert newest([first, second, third, fourth]) == (second, third, fourth)


def test_facts_come_from_photograph_and_verdict():
    photograph = photograph_of(np.zeros((3, 5, 3), np.uint8), "a\udcff.png")
    assert ImageFile.of(photograph) == ImageFile("a\\udcff.png", photograph.sha256, 5, 3)
    verdict = Verdict(Gradability("ungradable", "too dark"), 0.9, 0.5)
    assert Finding.of(verdict) == Finding("ungradable", 0.9, 0.5, "ungradable", "too dark")


def test_corners_of_a_circle_lie_on_it_and_are_moved_onto_the_border():
    distances = [math.dist((3, 4), point) for point in Circle(3, 4, 2).points]
    assert distances == pytest.approx([2] * 64)
    inside = outline_within(Circle(0, 320, 10), IMAGE)
    assert (min(x for x, _ in inside), max(x for x, _ in inside)) == pytest.approx((0, 10))
    assert (min(y for _, y in inside), max(y for _, y in inside)) == pytest.approx((310, 320))
