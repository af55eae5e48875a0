"""A page with nothing but the canvas, a slider that reruns, and what the canvas told Python.

The scene is synthetic: flat colours, so that a test can tell from one pixel what is drawn on it.
"""

import io
import json
from dataclasses import asdict

import numpy as np
import streamlit as st
from PIL import Image

from retina_xai.app.viewer.components.canvas import DrawnLesion, Mark, Scene, fundus_canvas

WIDTH, HEIGHT = 600, 400
GROUND = {"colour": (120, 60, 30), "CLAHE": (60, 60, 60)}
CANDIDATES = (
    Mark("A", 149.5, 99.5, (140, 90, 160, 110), 0.9),
    Mark("B", 449.5, 299.5, (430, 280, 470, 320), 0.3, ((430, 280), (469, 280), (469, 319), (430, 319))),
)
MARKED = {"haemorrhages": (50, 50, 90, 80), "hard_exudates": (300, 50, 340, 80)}


def png(pixels: np.ndarray) -> bytes:
    """Encoded losslessly."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def photograph(colour: tuple[int, int, int]) -> bytes:
    """One colour, with a white frame of one pixel that shows where the picture ends."""
    pixels = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    pixels[[0, -1]] = pixels[:, [0, -1]] = 255
    return png(pixels)


def inside(box: tuple[int, int, int, int], value: int, scale: int = 1) -> np.ndarray:
    """A grey picture, `value` in a box of the file, at 1/scale of its size."""
    pixels = np.zeros((HEIGHT // scale, WIDTH // scale), np.uint8)
    x0, y0, x1, y1 = (edge // scale for edge in box)
    pixels[y0:y1, x0:x1] = value
    return pixels


st.set_page_config(layout="wide")
with st.sidebar:
    image_id = st.radio("Image", ["one", "two", "broken"], horizontal=True)
    threshold = st.slider("Threshold", 0.0, 1.0, 0.0, 0.1)
    goto = st.selectbox("Go to", [None, "A", "B"])
    mounted = st.checkbox("Canvas", value=True)
    added = st.button("Circle from Python")
drawn = st.session_state.setdefault("drawn", {})
if added:
    drawn[image_id] = (DrawnLesion("p", "soft_exudates", "circle", ((300.0, 200.0),), 30.0),)

views = {name: photograph(colour) for name, colour in GROUND.items()}
scene = Scene(
    image_id,
    WIDTH,
    HEIGHT,
    views={"colour": b"no image"} if image_id == "broken" else views,
    evidence=png(inside((200, 200, 400, 300), 204, scale=2) + inside((140, 90, 160, 110), 102, scale=2)),
    candidates=CANDIDATES,
    markings={name: png(inside(box, 255)) for name, box in MARKED.items()},
    drawn=drawn.get(image_id, ()),
    threshold=threshold,
    goto=goto,
)
if not mounted:
    st.stop()
state = fundus_canvas(scene, key="canvas")
drawn[image_id] = state.drawn
told = {
    "image": image_id,
    "selected": state.selected,
    "drawn": [asdict(lesion) for lesion in state.drawn],
    "threshold": threshold,
}
st.sidebar.code(json.dumps(told), language=None)
