"""Mounting the canvas in a Streamlit page.

Encoded pictures and expert markings travel as attachments. The data of the canvas itself are small, so that a rerun
that changes the threshold sends no picture again.

Messages from the browser carry the image that they were made on; a message for another image than the one shown is
ignored. An edit is the whole list of drawn lesions and has an id. Python checks the list, moves points beyond the
photograph onto its border, and sends the list back with the id of the edit; this list is what the canvas then shows.
"""

import json
from pathlib import Path
from typing import Any

import streamlit as st

from retina_xai.app.viewer.components.attachments.attachments import attachment_name, send_attachments
from retina_xai.app.viewer.components.canvas.palette import palette
from retina_xai.app.viewer.components.canvas.scene import CanvasState, Scene
from retina_xai.app.viewer.components.component import client_component
from retina_xai.drawing import OPACITY
from retina_xai.lesions.annotation import Annotation, valid_annotations

_canvas = client_component(Path(__file__).parent)


def fundus_canvas(scene: Scene, key: str) -> CanvasState:
    """Show a scene and return what the reader did on it.

    One canvas a key; keep the key while images change. An edit is returned once, as the whole new list: store `drawn`
    at once and pass it back as `scene.drawn`, which is what is returned where nothing was edited. A click on a
    candidate or an edit reruns the script; zoom, pan, opacity and toggles never do.
    """
    st.session_state.setdefault(_slot(key, "sizes"), {})[scene.image_id] = (scene.width, scene.height)
    image, edited = pending_edit(key) or ("", ())
    drawn = edited if image == scene.image_id else tuple(scene.drawn)
    experts = _expert_attachments(scene)
    with st.container(gap=None):
        send_attachments(f"{key}-views", scene.views.values())
        send_attachments(f"{key}-layers", [*([scene.heat.png] if scene.heat else []), *experts.values()])
        result = _canvas(
            key=key,
            data=_data(scene, key, drawn, experts),
            on_selected_change=_ignored,
            on_drawn_change=_ignored,
        )
    selected = _of_image(result.get("selected"), scene.image_id)
    return CanvasState(selected if isinstance(selected, str) else None, drawn)


def pending_edit(key: str) -> tuple[str, tuple[Annotation, ...]] | None:
    """An edit that has arrived and was not returned yet: its image and the whole new list of lesions.

    `fundus_canvas` returns edits of the image that it shows; a page that may show another one by now asks here first.
    """
    state = st.session_state.get(key)
    message = state.get("drawn") if state else None
    slot = _slot(key, "edit")
    if not isinstance(message, dict) or st.session_state.get(slot) == message.get("edit"):
        return None
    st.session_state[slot] = message.get("edit")
    image = message.get("image")
    size = st.session_state.get(_slot(key, "sizes"), {}).get(image) if isinstance(image, str) else None
    if size is None:
        return None
    return str(image), tuple(one.within(*size) for one in valid_annotations(message.get("value")))


def _slot(key: str, name: str) -> str:
    return f"{key}-{name}"


def _data(scene: Scene, key: str, drawn: tuple[Annotation, ...], experts: dict[str, bytes]) -> dict[str, Any]:
    """The data of the browser's canvas, see `CanvasData` in layers.js."""
    edit = st.session_state.get(_slot(key, "edit"))
    return {
        "key": key,
        "image": scene.image_id,
        "width": scene.width,
        "height": scene.height,
        "views": [[name, attachment_name(picture)] for name, picture in scene.views.items()],
        "evidence": attachment_name(scene.heat.png) if scene.heat else None,
        "heat": scene.heat.table if scene.heat else [],
        "opacity": OPACITY,
        "candidates": [candidate.to_json() for candidate in scene.candidates],
        "experts": {name: attachment_name(markings) for name, markings in experts.items()},
        "drawn": [lesion.to_json() for lesion in drawn],
        "edit": edit if isinstance(edit, str) else None,
        "threshold": scene.threshold,
        "goto": scene.goto,
        "palette": palette(),
    }


def _expert_attachments(scene: Scene) -> dict[str, bytes]:
    """The markings of each type as JSON."""
    found: dict[str, list[dict[str, Any]]] = {}
    for marking in scene.experts:
        found.setdefault(marking.type, []).append(marking.to_json())
    return {name: json.dumps(markings).encode() for name, markings in found.items()}


def _of_image(message: object, image_id: str) -> object:
    """The value of a message from the browser, or None if it was made on another image."""
    if isinstance(message, dict) and message.get("image") == image_id:
        return message.get("value")
    return None


def _ignored() -> None:
    """Streamlit names a state by its callback; the page reads the state after the rerun."""
