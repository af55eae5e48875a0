"""A job as it runs: how far it is, its score against the steps, and a button to cancel it.

The curve is a small drawing of our own: a plotting library takes a tenth of a second of Python per look, which the job
in the same process would have to wait for.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from retina_xai.app.viewer.components.component import client_component
from retina_xai.app.viewer.jobs import Job

POLL = 1.0
"""Seconds between two looks at a job."""

POINTS = 150
CLIENT = Path(__file__).parent / "client"
Curve = Sequence[tuple[int, float]]

_curve = client_component(
    "retina_xai_curve", html=[CLIENT / "curve.html"], css=[CLIENT / "curve.css"], js=[CLIENT / "curve.js"]
)


def show_progress(job: Job, steps: int, games: int, key: str) -> None:
    """Progress of a job of at most `games` games of `steps` steps; call it in a fragment that runs every `POLL`."""
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


def show_curves(curves: Mapping[str, Curve], steps: int, key: str) -> None:
    """Score against step, one line per name; of long curves every few points."""
    lines: list[dict[str, Any]] = [
        {"name": name, "points": [list(point) for point in curve[:: max(1, len(curve) // POINTS)]]}
        for name, curve in curves.items()
    ]
    _curve(key=key, data={"lines": lines, "steps": steps, "label": "Score of the class against the step"})
