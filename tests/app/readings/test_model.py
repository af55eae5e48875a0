"""Readings are whole or refused, and survive JSON."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from helpers.arrays import photograph_of
from helpers.readings import IMAGE, LESIONS, READING

from retina_xai.app.readings import model
from retina_xai.app.readings.model import ImageFile, Reading, newest
from retina_xai.errors import InputError

UNICODE = "Зоя 山田 🙂 e\u0301 \u202e\x00\r\n\t=cmd() <script>"


def test_json_gives_the_same_reading_back():
    said = {"finding": "no referable DR", "grade": 0, "oedema": "unsure"}
    reading = replace(READING, reader=UNICODE, comment=UNICODE * 50, number=7, **said)
    assert Reading.from_json(json.loads(json.dumps(reading.to_json()))) == reading


def test_times_are_kept_in_utc():
    east = datetime(2026, 5, 4, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert replace(READING, time=east).to_json()["time"] == "2026-05-03T23:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reader": " "}, "reader name is empty: enter one"),
        ({"reader": "x" * 101}, "reader name of 101 characters: expected at most 100; shorten it"),
        ({"comment": "x" * 4001}, "comment of 4001 characters: expected at most 4000; shorten it"),
        ({"comment": "ab\ud800"}, "comment with an invalid character at 3: expected Unicode"),
        ({"time": datetime(2026, 5, 4)}, "expected one with a time zone"),
        ({"model_sha256": "CD" * 32}, "of the weights: expected a SHA-256, 64 hexadecimal digits"),
        ({"finding": "healthy"}, "reader's finding 'healthy': expected one of"),
        ({"finding": "refer"}, "decision 'disagree': expected that of the finding 'refer'"),
        ({"oedema": "maybe"}, "macular oedema 'maybe': expected one of"),
        ({"grade": 5}, "grade 5: expected a whole number from 0 to 4, or none"),
        ({"grade": True}, "grade True: expected a whole number"),
        ({"finding": "no referable DR", "grade": 2}, "no referable DR, but grade 2: change the grade or the finding"),
        ({"finding": "no referable DR", "oedema": "yes"}, "no referable DR, but macular oedema: change one of them"),
        ({"finding": "ungradable", "grade": 0}, "ungradable, but grade 0: take back the grade or change the finding"),
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
        (lambda: replace(IMAGE, sha256="../x"), "of the photograph: expected a SHA-256"),
        (lambda: replace(IMAGE, width=0), "photograph of 0x320 pixels: expected at least 1x1"),
    ],
)
def test_unfit_parts_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_lesions_of_too_many_points_are_refused(monkeypatch):
    monkeypatch.setattr(model, "MAX_POINTS", 4)
    with pytest.raises(InputError, match="lesions with 5 points: at most 4 are kept; raise the threshold"):
        replace(READING, lesions=LESIONS)


@pytest.mark.parametrize(
    "change", [{"verdict": {}}, {"image": {}}, {"lesions": [{}]}, {"time": "noon"}, {"lesions": 1}]
)
def test_other_values_are_no_reading(change):
    with pytest.raises(InputError, match="not a reading"):
        Reading.from_json({**READING.to_json(), **change})


def test_the_last_of_each_photograph_weights_and_reader_counts():
    first = replace(READING, number=1)
    second = replace(READING, number=2, reader="Bob")
    third = replace(READING, number=3, decision="agree")
    fourth = replace(READING, number=4, model_sha256="ef" * 32)
    assert newest([first, second, third, fourth]) == (second, third, fourth)


def test_a_reading_says_the_same_as_another_at_any_time_and_number():
    later = replace(READING, number=5, time=READING.time + timedelta(days=1))
    assert later.says_the_same_as(READING)
    assert not replace(later, comment="").says_the_same_as(READING)


def test_facts_of_the_file_come_from_the_photograph():
    photograph = photograph_of(np.zeros((3, 5, 3), np.uint8), "a\udcff.png")
    assert ImageFile.of(photograph) == ImageFile("a\\udcff.png", photograph.sha256, 5, 3)
