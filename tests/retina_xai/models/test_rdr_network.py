"""The classifier of fundus photographs as a network like any other: the same scores, inputs and masks."""

import numpy as np
import pytest
import torch

from retina_xai.errors import ModelError
from retina_xai.fundus.preprocessing import Preprocessing, prepare
from retina_xai.io.images import Photograph
from retina_xai.localization import predict
from retina_xai.models.checkpoint import RDR, load_classifier
from retina_xai.models.network import load_network
from retina_xai.models.rdr_network import FundusInput
from retina_xai.training.phantoms.phantom import make_phantom

PHANTOM = make_phantom(3, 288, 352, grade=3)
EYE = Photograph(PHANTOM.pixels, "eye", "")


def test_scores_are_those_of_predict(weights):
    network, classifier = load_network("rdr", weights), load_classifier(weights)
    image = network.input_of(EYE)
    assert image.shape == (1, 3, network.preprocessing.size, network.preprocessing.size)
    assert network.scores(image)[0, RDR].item() == pytest.approx(predict(EYE, classifier).score, abs=1e-6)
    assert network.explained_class(image) == RDR
    assert (network.fundus, network.classes, network.weights) == (True, classifier.facts.classes, classifier.sha256)
    assert network.facts()["preprocessing"] == classifier.facts.preprocessing.to_dict()


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError):
        load_network("rdr", tmp_path / "x.safetensors")


def test_a_mask_lies_where_the_network_sees_it():
    """Every pixel of the file is drawn where its colour is; the smallest lesion is kept."""
    rules = FundusInput(Preprocessing(96))
    mask = np.zeros(PHANTOM.pixels.shape[:2], bool)
    mask[140:160, 170:200] = True
    painted = np.where(mask[..., None], np.uint8([255, 0, 255]), PHANTOM.pixels)
    seen = prepare(Photograph(painted, "", ""), 96).pixels
    magenta = (seen[..., 0] > 200) & (seen[..., 1] < 60) & (seen[..., 2] > 200)
    inside = rules.mask_to_input(mask, PHANTOM.pixels).numpy()
    assert magenta.sum() > 20
    assert inside[magenta].all()
    assert inside.sum() <= magenta.sum() + 2 * (20 + 30)
    dot = np.zeros_like(mask)
    dot[150, 180] = True
    assert rules.mask_to_input(dot, PHANTOM.pixels).sum() == 1
    assert not rules.mask_to_input(np.zeros_like(mask), PHANTOM.pixels).any()


def test_pixels_are_those_of_the_square_or_its_contrast():
    plain = FundusInput(Preprocessing(96))
    np.testing.assert_array_equal(plain.to_pixels(plain.to_tensor(EYE.pixels)), prepare(EYE, 96).pixels)
    contrast = FundusInput(Preprocessing(96, (0.0, 0.0, 0.0), (12.0, 9.0, 5.5), 0.05))
    assert (contrast.to_pixels(torch.zeros(3, 96, 96)) == 128).all()
