"""The verdict: quality first, then decision, score and threshold, and what these are worth."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from retina_xai.app.viewer.panels.text import number, plain
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.worklist import Scored
from retina_xai.verdict import NO_REFERABLE_DR, NOT_SURE, REFER, UNGRADABLE, Verdict

BOXES: Mapping[str, Callable[..., Any]] = {
    REFER: st.error,
    NOT_SURE: st.warning,
    NO_REFERABLE_DR: st.info,
    UNGRADABLE: st.warning,
}
HEADS = {
    REFER: "Refer",
    NOT_SURE: "Not sure: grade this photograph yourself",
    NO_REFERABLE_DR: "No referable DR found",
    UNGRADABLE: "Ungradable",
}


def show_verdict(scored: Scored | None) -> None:
    """The box at the top of the panel; a line while the photograph is being scored."""
    if scored is None:
        st.info("Judging quality and score …")
    elif scored.verdict is None:
        st.error(plain(scored.error))
    else:
        _show_verdict(scored.verdict)


def _show_verdict(verdict: Verdict) -> None:
    quality = verdict.gradability
    st.markdown(f"**Image quality: {quality.verdict}** – {plain(quality.reason)}")
    side = "at or above" if verdict.score >= verdict.threshold else "below"
    line = f"score {verdict.score:.3f}, {side} the threshold {verdict.threshold:.3f}"
    if verdict.decision == NOT_SURE:
        line = f"score {verdict.score:.3f}, too near the threshold {verdict.threshold:.3f} for a decision"
    elif verdict.decision == UNGRADABLE and quality.verdict != "ungradable":
        line += "; this quality does not exclude referable DR"
    elif verdict.decision == UNGRADABLE:
        line = f"no decision is given; score {verdict.score:.3f}, threshold {verdict.threshold:.3f}"
    BOXES[verdict.decision](f"**{HEADS[verdict.decision]}**  \n{line}")


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
