"""What is encoded of a photograph: the colour view at once, the rest when a job has made it."""

import pytest
from helpers.waiting import until

from retina_xai.app.viewer import pictures
from retina_xai.app.viewer.encoding import VIEWS
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.jobs import Worker
from retina_xai.app.viewer.pictures import Pictures
from retina_xai.fundus.retinal_scale import retinal_scale
from retina_xai.io.images import read_image, write_png
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.fixture
def encoder():
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture
def item(tmp_path):
    write_png(tmp_path / "eye.png", make_phantom(3, 192, 240, grade=3).pixels)
    return Item("eye", "eye.png", tmp_path / "eye.png")


def later(shown, item, encoder):
    """What is encoded when the job has ended."""
    until(lambda: shown.has_news)
    shown.collect()
    assert not shown.has_news
    return shown.shown(item, encoder)


def test_the_colour_view_is_there_at_once_and_the_rest_later(item, encoder):
    shown = Pictures()
    first = shown.shown(item, encoder)
    whole = later(shown, item, encoder)
    assert not set(VIEWS) & set(first.views)
    assert set(whole.views) == {*first.views, *VIEWS}
    assert whole.scale == retinal_scale(read_image(item.path)) is not None


def test_the_scale_is_known_where_the_memory_does_not_suffice_for_the_views(item, encoder, monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(pictures, "other_views", fail)
    shown = Pictures()
    first = shown.shown(item, encoder)
    whole = later(shown, item, encoder)
    assert set(whole.views) == set(first.views)
    assert whole.scale is not None


def test_a_photograph_that_was_fetched_is_whole_when_it_is_opened(item, encoder):
    shown = Pictures()
    shown.fetch(item, encoder)
    until(lambda: shown.is_ready(item))
    shown.collect()
    whole = shown.shown(item, encoder)
    assert set(VIEWS) <= set(whole.views)
    assert whole.scale is not None
    assert not shown.encoding
