"""Mounting the canvas in a Streamlit page.

Two components of Streamlit's own (`st.components.v2`), both of this package's files alone, nothing fetched:

    pictures    takes encoded images as bytes and keeps them in the browser under their SHA-256
    canvas      draws the scene; its data are small (names of pictures, candidates, threshold), so that a rerun which
                changes the threshold sends no image again: Streamlit sends an unchanged message by its hash only

Messages from the client carry the image they were made on. What arrives for another image than the one shown is a
latecomer and ignored.
"""

import hashlib
import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st

from retina_xai.app.viewer.components.canvas.scene import (
    CanvasState,
    DrawnLesion,
    Mark,
    Scene,
    as_message,
    drawn_lesions,
)
from retina_xai.app.viewer.components.component import client_component
from retina_xai.lesions.candidates import FLOOR, FRACTION

CLIENT = Path(__file__).parent / "client"
PICTURE_FILES = ("page.js", "store.js", "pictures.js")
CANVAS_FILES = (
    "page.js",
    "store.js",
    "lesions.js",
    "viewport.js",
    "decoding.js",
    "evidence.js",
    "outlines.js",
    "shapes.js",
    "tools.js",
    "painter.js",
    "keys.js",
    "controls.js",
    "scene.js",
    "exchange.js",
    "listening.js",
    "drawing.js",
    "choosing.js",
    "viewer.js",
    "canvas.js",
)


_pictures = client_component("retina_xai_pictures", js=[CLIENT / name for name in PICTURE_FILES])
_canvas = client_component(
    "retina_xai_canvas",
    html=[CLIENT / "canvas.html"],
    css=[CLIENT / "canvas.css"],
    js=[CLIENT / name for name in CANVAS_FILES],
)


def fundus_canvas(scene: Scene, key: str) -> CanvasState:
    """Show a scene and return what the reader did on it.

    One canvas a key; keep the key while images change. An edit is returned once, as the whole new list: store `drawn`
    at once and pass it back as `scene.drawn`, which is what is returned where nothing was edited; a list that the page
    changed is shown as it is. A click on a candidate or an edit reruns the script; zoom, pan, opacity and toggles never
    do.
    """
    with st.container(gap=None):
        _send_pictures(f"{key}-views", list(scene.views.values()))
        _send_pictures(f"{key}-layers", [*([scene.evidence] if scene.evidence else []), *scene.markings.values()])
        result = _canvas(key=key, data=_data(scene, key), on_selected_change=_unheard, on_drawn_change=_unheard)
    selected = _of_image(result.get("selected"), scene.image_id)
    image, drawn = pending_edit(key) or (scene.image_id, tuple(scene.drawn))
    return CanvasState(
        selected if isinstance(selected, str) else None, drawn if image == scene.image_id else tuple(scene.drawn)
    )


def pending_edit(key: str) -> tuple[str, tuple[DrawnLesion, ...]] | None:
    """An edit that has arrived and was not returned yet: its image and the whole new list of lesions.

    `fundus_canvas` returns edits of the image that it shows; a page that may show another one by now asks here first.
    """
    state = st.session_state.get(key)
    message = state.get("drawn") if state else None
    slot = f"{key}-last-edit"
    if not isinstance(message, dict) or st.session_state.get(slot) == message.get("edit"):
        return None
    st.session_state[slot] = message.get("edit")
    return str(message.get("image")), drawn_lesions(message.get("value"))


def packed(pictures: Iterable[bytes]) -> bytes:
    """Images as one message: length of the header (4 bytes, little endian), header (JSON: [name, length]), images."""
    unique = {_name(picture): picture for picture in pictures}
    header = json.dumps([[name, len(picture)] for name, picture in unique.items()]).encode()
    return struct.pack("<I", len(header)) + header + b"".join(unique.values())


def _send_pictures(slot: str, pictures: list[bytes]) -> None:
    _pictures(key=slot, data=packed(pictures))


def _data(scene: Scene, key: str) -> dict[str, Any]:
    return {
        "key": key,
        "image": scene.image_id,
        "width": scene.width,
        "height": scene.height,
        "views": [[name, _name(picture)] for name, picture in scene.views.items()],
        "evidence": _name(scene.evidence) if scene.evidence else None,
        "candidates": [_mark(mark) for mark in scene.candidates],
        "markings": {name: _name(mask) for name, mask in scene.markings.items()},
        "drawn": [as_message(lesion) for lesion in scene.drawn],
        "threshold": scene.threshold,
        "goto": scene.goto,
        "fraction": FRACTION,
        "floor": FLOOR,
    }


def _mark(mark: Mark) -> dict[str, Any]:
    """A candidate in plain numbers: Streamlit turns what JSON does not know into one string."""
    contour = [[float(x), float(y)] for x, y in mark.contour]
    box, score = list(map(float, mark.box)), float(mark.score)
    return {"id": mark.id, "x": float(mark.x), "y": float(mark.y), "box": box, "score": score, "contour": contour}


def _name(picture: bytes) -> str:
    return hashlib.sha256(picture).hexdigest()


def _of_image(message: object, image_id: str) -> object:
    """The value of a message from the browser, or None if it was made on another image."""
    if isinstance(message, dict) and message.get("image") == image_id:
        return message.get("value")
    return None


def _unheard() -> None:
    """Streamlit names the state by its callback; the page reads the state after the rerun."""
