"""`localize`: its options reach the result."""

import json

import cv2
import numpy as np

from retina_xai.io.images import read_image, write_png
from retina_xai.training.phantoms.phantom import make_phantom


def test_an_ungradable_photograph_is_explained_only_on_request(call, weights, tmp_path):
    blurred = cv2.GaussianBlur(make_phantom(3, 96, 120, grade=3).pixels, (0, 0), 12)
    write_png(tmp_path / "eye.png", blurred)
    records = {}
    for options in ((), ("--ungradable",)):
        out = tmp_path / f"out{len(options)}"
        code, _, err = call(
            "localize", tmp_path / "eye.png", "--weights", weights, "--method", "saliency", "--out", out, *options
        )
        assert (code, err) == (0, "")
        records[options] = json.loads((out / "eye.json").read_text())
    plain, explained = records.values()
    assert plain["prediction"] == explained["prediction"]
    assert plain["prediction"]["decision"] == "ungradable"
    assert (plain["explanation"], plain["lesions"]) == (None, [])
    assert not np.asarray(read_image(tmp_path / "out0" / "eye_evidence.png").pixels).any()
    assert explained["explanation"] is not None
    assert len(explained["lesions"]) > 0
