"""A page with nothing but the canvas, and controls that rerun the script.

The scene is synthetic: flat colours, so that a test can tell from one pixel what is drawn on it.
"""

import numpy as np
import streamlit as st
from helpers.canvas_pages import CANDIDATE_BOXES, GROUNDS, HEIGHT, MARKED, WIDTH, evidence, inside

from retina_xai.app.viewer.components.canvas import Scene, fundus_canvas
from retina_xai.app.viewer.encoding import heat_layer, png
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.candidates import expert_markings
from retina_xai.lesions.outlines import outline_of

SCORES = {"A": 0.9, "B": 0.3}


def photograph(colour: tuple[int, int, int]) -> bytes:
    """One colour, with a white frame of one pixel that shows where the picture ends."""
    pixels = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    pixels[[0, -1]] = pixels[:, [0, -1]] = 255
    return png(pixels)


st.set_page_config(layout="wide")
with st.sidebar:
    image_id = st.radio("Image", ["one", "two", "broken"], horizontal=True)
    runs = st.slider("Rerun", 0, 10)
    st.selectbox("A list", ["A", "B"])
    mounted = st.checkbox("Canvas", value=True)
    st.code(runs, language=None)

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
)
if mounted:
    fundus_canvas(scene, "canvas", {"search": {"question": ["fgvis", "rdr"]}}, on_opening=print)
