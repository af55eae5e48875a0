"""What the system's score is worth: what training measured of the weights."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from retina_xai.app.viewer.panels.text import number, plain
from retina_xai.app.viewer.services import Services


def show_worth(served: Services) -> None:
    """What training measured of these weights."""
    facts = served.classifier.facts
    lines = ["The score is no probability of disease."]
    with st.expander("What the score is worth"):
        area = facts.training.get("validation_auroc")
        lines.append(
            f"Validation AUROC {number(area)}." if area else "No validation figures are stored with the weights."
        )
        lines += _operating_point(served.calibration)
        lines.append(f"Weights {served.classifier.sha256[:16]}, {facts.architecture}, width {facts.width:g}.")
        st.markdown("  \n".join(plain(line) for line in lines))


def _operating_point(metrics: Mapping[str, Any] | None) -> list[str]:
    if metrics is None or not metrics.get("at_threshold"):
        return ["Operating point and calibration: not stored with these weights."]
    point, error = metrics["at_threshold"], metrics.get("expected_calibration_error")
    return [
        f"At the threshold: sensitivity {number(point['sensitivity'], '.1%')}, "
        f"specificity {number(point['specificity'], '.1%')} (validation).",
        f"Expected calibration error {number(error)}, Brier score {number(metrics.get('brier'))}.",
    ]
