"""How pictures travel, and the wrapper without a browser."""

import hashlib
import json
import struct

from streamlit.testing.v1 import AppTest

from retina_xai.app.viewer.components.canvas.component import CANVAS_FILES, CLIENT, PICTURE_FILES, packed


def test_packed_pictures_are_unpacked_by_their_header_and_each_travels_once():
    pictures = [b"first", b"", b"second picture", b"first"]
    message = packed(pictures)
    (length,) = struct.unpack("<I", message[:4])
    start, found = 4 + length, {}
    for name, size in json.loads(message[4:start]):
        found[name] = message[start : start + size]
        start += size
    assert start == len(message)
    assert found == {hashlib.sha256(picture).hexdigest(): picture for picture in pictures}


def test_every_file_of_the_client_is_sent():
    assert {path.name for path in CLIENT.glob("*.js")} == {*CANVAS_FILES, *PICTURE_FILES}


def test_without_an_edit_the_lesions_of_the_page_are_returned():
    def page():
        import numpy as np
        import streamlit as st

        from retina_xai.app.viewer.components.canvas import DrawnLesion, Mark, Scene, fundus_canvas

        numbers = np.array([1.5, 2.5], np.float32)
        drawn = (DrawnLesion("a", "haemorrhages", "circle", ((1.0, 2.0),), 3.0),)
        mark = Mark("1", numbers[0], numbers[1], (0, 0, 2, 2), numbers[0], [numbers, numbers, numbers])
        state = fundus_canvas(Scene("i", 9, 8, {"colour": b"x"}, candidates=[mark], drawn=drawn), key="canvas")
        st.text(f"{state.selected} {state.drawn == drawn}")

    ran = AppTest.from_function(page).run()
    assert not ran.exception
    assert ran.text[0].value == "None True"
