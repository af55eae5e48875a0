"""A running job: its progress, its score against the steps, and a button to cancel it."""

from collections.abc import Sequence

import streamlit as st

from retina_xai.app.viewer.components.score_curve.score_curve import Curve, show_curves
from retina_xai.app.viewer.jobs import Job
from retina_xai.explainers.explainer import Plan

POLL = 1.0
"""Seconds between two updates."""


def show_progress(job: Job, plan: Plan, key: str) -> None:
    """Progress of a job within its plan; call it in a fragment that runs every `POLL` seconds."""
    games, steps = plan
    points = list(job.progress)
    game, step, _ = points[-1] if points else (0, 0, 0.0)
    share = min(1.0, (game + step / max(1, steps)) / max(1, games))
    waiting = "Waiting for the work before it" if job.state == "waiting" else "Beginning"
    label = f"Game {game + 1} of {games}, step {step} of at most {steps}" if points else f"{waiting} …"
    st.progress(share, text=label)
    st.button("Cancel", key=f"{key}-cancel", shortcut="q", width="stretch", on_click=job.cancel)
    show_curves(curves_of(points), steps, f"{key}-curve")


def curves_of(progress: Sequence[tuple[int, int, float]]) -> dict[str, Curve]:
    """The last four games of a progress, by name."""
    games = sorted({game for game, _, _ in progress})[-4:]
    return {f"game {game + 1}": [(step, score) for one, step, score in progress if one == game] for game in games}
