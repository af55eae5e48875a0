"""A page with nothing but the canvas, a slider that reruns, and what Python got from the canvas.

The scene is synthetic: flat colours, so that a test can tell from one pixel what is drawn on it.
"""

import json

import numpy as np
import streamlit as st
from helpers.canvas_pages import CANDIDATE_BOXES, GROUNDS, HEIGHT, MARKED, WIDTH, evidence, inside

from retina_xai.app.viewer.components.canvas import Scene, fundus_canvas
from retina_xai.app.viewer.encoding import heat_layer, png
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.candidates import expert_markings
from retina_xai.lesions.outlines import outline_of
from retina_xai.lesions.shapes import Disk

SCORES = {"A": 0.9, "B": 0.3}


def photograph(colour: tuple[int, int, int]) -> bytes:
    """One colour, with a white frame of one pixel that shows where the picture ends."""
    pixels = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    pixels[[0, -1]] = pixels[:, [0, -1]] = 255
    return png(pixels)


st.set_page_config(layout="wide")
with st.sidebar:
    image_id = st.radio("Image", ["one", "two", "broken"], horizontal=True)
    threshold = st.slider("Threshold", 0.0, 1.0, 0.0, 0.1)
    goto = st.selectbox("Go to", [None, "A", "B"])
    mounted = st.checkbox("Canvas", value=True)
    added = st.button("Circle from Python")
drawn = st.session_state.setdefault("drawn", {})
if added:
    drawn[image_id] = (Annotation("p", "soft_exudates", Disk(300.0, 200.0, 30.0), "reader", "added"),)

views = {name: photograph(colour) for name, colour in GROUNDS.items()}
scene = Scene(
    image_id,
    WIDTH,
    HEIGHT,
    views={"colour": b"no image"} if image_id == "broken" else views,
    heat=heat_layer(evidence()),
    candidates=[
        Annotation(name, "unspecified", outline_of(inside(*boxes)), "candidate", score=SCORES[name])
        for name, boxes in CANDIDATE_BOXES.items()
    ],
    experts=[one for name, box in MARKED.items() for one in expert_markings(inside(box), name)],
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
    "drawn": [lesion.to_json() for lesion in state.drawn],
    "threshold": threshold,
}
st.sidebar.code(json.dumps(told), language=None)
