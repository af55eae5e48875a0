"""Score against step, one line per game.

It is a small drawing of this package: a plotting library takes a tenth of a second of Python for each update, which the
job in the same process would have to wait for.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retina_xai.app.viewer.components.component import client_component

MAX_POINTS = 150
"""Of a line, about."""

Curve = Sequence[tuple[int, float]]
"""Step and score."""

_score_curve = client_component(Path(__file__).parent)


def show_curves(curves: Mapping[str, Curve], steps: int, key: str) -> None:
    """Draw curves by name over at most `steps` steps; of long curves every few points."""
    lines: list[dict[str, Any]] = [
        {"name": name, "points": [list(point) for point in curve[:: max(1, len(curve) // MAX_POINTS)]]}
        for name, curve in curves.items()
    ]
    _score_curve(key=key, data={"lines": lines, "steps": steps, "label": "Score of the class against the step"})
