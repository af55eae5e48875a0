"""A report of two photographs whose explanation finds one lesion and marks two places without a lesion."""

import numpy as np
import pytest

from retina_xai.evaluation.datasets.diaretdb1 import open_diaretdb1
from retina_xai.evaluation.lesions.report import LesionReport
from retina_xai.evaluation.lesions.sensitivity import Explained, SensitivitySettings, evaluate

SETTINGS = SensitivitySettings(
    "votes", chance_repetitions=4, resamples=50, method={"name": "<b>FGVis</b>", "lam": 1e-10}
)


@pytest.fixture
def report(diaretdb1, tmp_path):
    def explain(photograph):
        evidence = np.zeros((90, 120), dtype=np.float32)
        evidence[37:44, 27:34] = 0.5
        evidence[10:20, 95:105] = 1.0
        return Explained(evidence, np.ones((90, 120), dtype=bool), 0.9)

    dataset = open_diaretdb1(diaretdb1)
    return LesionReport(dataset, SETTINGS, evaluate(dataset.cases, explain, tmp_path / "out", SETTINGS))
