"""A reader who presses keys and clicks at random: page and store are always those of a model of the state.

RETINA_XAI_WALK=2000 makes the walk longer; RETINA_XAI_SEED takes another.
"""

import os
import random
import re

import pytest
from helpers.canvas_pages import EXAMINATION
from helpers.examinations import find_candidates, painted, type_keys
from helpers.reader_model import ModelPhotograph, ReaderModel
from helpers.viewer_pages import MILLISECONDS, on_worklist, open_photograph, rows, shows
from helpers.viewer_process import PATIENCE, start
from helpers.viewer_services import photographs
from playwright.sync_api import expect

STEPS = int(os.environ.get("RETINA_XAI_WALK", "200"))
SEED = int(os.environ.get("RETINA_XAI_SEED", "16"))
ACTIONS = {
    ".": 8,
    ",": 5,
    "c": 4,
    "x": 4,
    "w": 2,
    "r": 2,
    "t": 2,
    "u": 1,
    "y": 3,
    "i": 2,
    "n": 4,
    "p": 4,
    "f": 3,
    "j": 1,
    "4": 2,
    "z": 1,
    "v": 1,
    "d": 1,
}
CLICKS = {"row": 4, "slider": 3}
LOOKED_AT = 0.6
"""Share of the keys after which the page is compared; the others are followed by the next key at once."""


@pytest.fixture
def viewer(tmp_path, weights, browser):
    (tmp_path / "plain").mkdir()
    photographs(tmp_path / "plain")
    running = start(tmp_path, weights, "--data", tmp_path / "plain")
    yield running
    running.process.terminate()
    running.process.wait(PATIENCE)


class Walk:
    """The page beside its model."""

    def __init__(self, page, viewer, model):
        self.page, self.viewer, self.model, self.done = page, viewer, model, []

    def step(self, action):
        self.done.append(action)
        if action in ("n", "p"):
            type_keys(self.page, action)
            if not self.model.go(1 if action == "n" else -1):
                self.compare()
        elif action in ("f", "j"):
            self.store(action)
        elif action in CLICKS:
            self.compare()
            self.click(action)
        else:
            type_keys(self.page, action)
            self.model.press(action)

    def click(self, action):
        if not self.model.shown.readable:
            return
        if action == "slider":
            self.model.threshold = round(chance.choice((0, 0, 0.03, 0.05, 0.1, 0.5, 1)), 2)
            self.page.get_by_role("slider", name="Hide findings weaker than").fill(str(self.model.threshold))
        elif self.model.listed:
            name = chance.choice(self.model.listed[:4])
            rows(self.page, "Lesion candidates").nth(self.model.listed.index(name)).click()
            self.model.choose(name)

    def store(self, key):
        self.compare()
        before = len(self.viewer.readings)
        type_keys(self.page, key)
        said = self.model.store()
        if key == "f":
            status = self.page.locator(".reading_form [role=status]")
            expect(status).not_to_have_text(re.compile("^Storing"), timeout=MILLISECONDS)
            assert status.text_content().startswith(said), self.told()
            self.compare_store(before, said)
        elif "Choose" not in said and "cannot" not in said:
            self.model.go(1)

    def compare_store(self, before, said):
        readings, shown = self.viewer.readings, self.model.shown
        assert len(readings) - before == (said == "Stored as reading"), self.told()
        if said == "Stored as reading":
            last = readings[-1]
            values = {"finding": last.finding, "grade": last.grade, "oedema": last.oedema}
            assert last.image.name == shown.name, self.told()
            assert {name: str(value) for name, value in values.items() if value not in ("", None)} == shown.values
            assert {lesion.id: lesion.status for lesion in last.reviewed} == self.model.reviewed, self.told()
            assert last.not_reviewed == self.model.not_reviewed, self.told()

    def told(self, now=None):
        """The steps so far, for a message."""
        return f"after {' '.join(self.done)}: {now or self.model.shown}"

    def compare(self):
        model = self.model
        expect(self.page.locator(".bar .name")).to_have_text(model.shown.name, timeout=MILLISECONDS)
        now = painted(self.page)
        assert len(now["images"]) == 1, self.told(now)
        assert now["tool"] == model.tool, self.told(now)
        assert now["beside"] == model.beside, self.told(now)
        assert now["picture"] == model.chosen, self.told(now)
        assert now["current"] == ([model.chosen] if model.chosen else []), self.told(now)
        assert now["table"] == model.table, self.told(now)
        assert now["outlines"] == model.outlines, self.told(now)
        assert sorted(now["pressed"]) == sorted(model.shown.values.values()), self.told(now)


chance = random.Random(SEED)


def searched(page):
    """The shown photograph, after a search for its candidates."""
    name = page.locator(".bar .name").text_content()
    if name == "broken.png":
        return ModelPhotograph(name, {}, readable=False)
    find_candidates(page)
    scores = page.evaluate(f"() => {EXAMINATION}.shown.candidates.map(({{ id, score }}) => [id, score])")
    return ModelPhotograph(name, dict(scores))


def test_a_random_walk_never_shows_or_stores_two_states(viewer, page):
    on_worklist(page, viewer)
    names = [row.locator("td").first.text_content() for row in rows(page).all()]
    open_photograph(page, names[0], "Ada")
    found = [searched(page)]
    for name in names[1:]:
        type_keys(page, "n")
        expect(page.locator(".bar .name")).to_have_text(name, timeout=MILLISECONDS)
        found.append(searched(page))
    walk = Walk(page, viewer, ReaderModel(found, len(found) - 1))
    type_keys(page, *"p" * (len(found) - 1))
    walk.model.place = 0
    shows(page, names[0])
    weights = {**ACTIONS, **CLICKS}
    for action in chance.choices(list(weights), list(weights.values()), k=STEPS):
        walk.step(action)
        if chance.random() < LOOKED_AT:
            walk.compare()
    walk.compare()
