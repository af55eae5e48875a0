"""Small pictures of the list: who may ask for them, and what comes."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from starlette.requests import Request

from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.thumbnails import Thumbnails
from retina_xai.io.images import write_png
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.fixture
def item(tmp_path):
    write_png(tmp_path / "10_left.png", make_phantom(1, 200, 240, grade=0).pixels)
    return Item("0123456789abcdef", "10_left.png", tmp_path / "10_left.png")


@pytest.fixture
def thumbnails():
    return Thumbnails()


def get(thumbnails, address, gone=False):
    """The answer to a browser that waits for it, or has gone on to another page.

    In a thread of its own, because playwright keeps an event loop running in that of the tests.
    """

    async def receive():
        if not gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    name = address.rpartition("/")[2]
    scope = {"type": "http", "method": "GET", "path": address, "headers": [], "path_params": {"name": name}}
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, thumbnails.answer(Request(scope, receive))).result()


def test_a_small_picture_is_made_when_the_page_asks_and_kept(thumbnails, item):
    address = thumbnails.address(item)
    answer = get(thumbnails, address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(answer.body)).size == (101, 84)
    item.path.unlink()
    assert get(thumbnails, address).body == answer.body
    assert thumbnails.address(item) == address


def test_other_sites_cannot_use_it_and_nothing_stays_on_disk(thumbnails, item):
    headers = get(thumbnails, thumbnails.address(item)).headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_without_the_secret_name_there_is_nothing(thumbnails, item):
    address = thumbnails.address(item)
    assert item.key not in address
    others = [f"/thumbnails/{item.key}", Thumbnails().address(item), f"{address}0"]
    assert {get(thumbnails, one).status_code for one in others} == {404}


def test_a_file_that_cannot_be_read_has_no_picture(thumbnails, item):
    item.path.write_bytes(b"")
    assert get(thumbnails, thumbnails.address(item)).status_code == 204


def test_nothing_is_made_for_a_page_that_has_gone(thumbnails, item):
    assert get(thumbnails, thumbnails.address(item), gone=True).status_code == 499
    assert not thumbnails.made
