"""Mounting the canvas in a Streamlit page.

Encoded pictures and expert markings travel as attachments. The data of the canvas itself are small, so that a rerun
that changes a few lines sends no picture again. They hold the snapshot of the photograph, which all components of the
page show.

What the reader chooses and draws stays in the page (components/shared/examination.js). The one message to Python is the
request to open another photograph; it names the photograph that was shown.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from retina_xai.app.viewer.components.attachments.attachments import attachment_name, send_attachments
from retina_xai.app.viewer.components.canvas.palette import palette
from retina_xai.app.viewer.components.canvas.scene import FellowEye, Opening, Scene
from retina_xai.app.viewer.components.component import client_component
from retina_xai.drawing import OPACITY

_canvas = client_component(Path(__file__).parent)


def fundus_canvas(
    scene: Scene,
    key: str,
    about: Mapping[str, Any],
    on_opening: Callable[[Opening], None],
    on_fellow: Callable[[bool], None] = lambda _: None,
) -> None:
    """Show a scene.

    `on_opening` is called with a request to open another photograph, `on_fellow` when the other eye is to be shown or
    no longer, before the script runs again.

    One canvas a key; keep the key while images change. `about` is what other components of the page show of the same
    photograph (`snapshot.snapshot_of`); they show it together with the scene.
    """

    def take() -> None:
        opening = opening_in(st.session_state[key].get("open"))
        if opening is not None:
            on_opening(opening)

    def take_fellow() -> None:
        on_fellow(st.session_state[key].get("both") is True)

    experts = _expert_attachments(scene)
    beside = [scene.fellow.view] if scene.fellow and scene.fellow.view else []
    with st.container(gap=None):
        send_attachments(f"{key}-views", scene.views.values())
        send_attachments(f"{key}-layers", [*([scene.heat.png] if scene.heat else []), *experts.values()])
        send_attachments(f"{key}-fellow", beside)
        data = {**_data(scene, key, experts), "about": dict(about)}
        _canvas(key=key, data=data, on_open_change=take, on_both_change=take_fellow)


def opening_in(message: object) -> Opening | None:
    """The request in a message from the browser, if it is one."""
    if not isinstance(message, dict):
        return None
    values = [message.get(name) for name in ("id", "from", "to")]
    return Opening(*values) if all(isinstance(value, str) for value in values) else None  # type: ignore[arg-type]


def _data(scene: Scene, key: str, experts: dict[str, bytes]) -> dict[str, Any]:
    """The data of the browser's canvas, see `CanvasData` in layers.js."""
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
        "fault": scene.fault,
        "scale": asdict(scene.scale) if scene.scale else None,
        "palette": palette(),
        "side": scene.side,
        "fellow": _fellow(scene.fellow) if scene.fellow else None,
    }


def _fellow(fellow: FellowEye) -> dict[str, Any]:
    """The other eye, see `Fellow` in fellow_eye.js."""
    return {
        "image": fellow.image_id,
        "name": fellow.name,
        "side": fellow.side,
        "asked": fellow.asked,
        "view": attachment_name(fellow.view) if fellow.view else "",
        "width": fellow.width,
        "height": fellow.height,
        "verdict": dict(fellow.verdict),
        "candidates": [candidate.to_json() for candidate in fellow.candidates],
        "question": " ".join(fellow.question),
        "fault": fellow.fault,
    }


def _expert_attachments(scene: Scene) -> dict[str, bytes]:
    """The markings of each type as JSON."""
    found: dict[str, list[dict[str, Any]]] = {}
    for marking in scene.experts:
        found.setdefault(marking.type, []).append(marking.to_json())
    return {name: json.dumps(markings).encode() for name, markings in found.items()}
