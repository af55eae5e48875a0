"""FROC curves of all lesion types in one picture: a solid line for the explanation, a dashed line for chance.

The dashed line is the mean over the repetitions of chance (`retina_xai.metrics.chance`), whose blobs keep their scores.
Where it is as high as the solid line of the same colour, the sensitivity is no better than chance.
"""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot

from retina_xai.drawing import lesion_colour
from retina_xai.evaluation.lesions.summary import SensitivitySummary, TypeSummary
from retina_xai.metrics.froc import RATES
from retina_xai.metrics.overlap import ANY


def froc_png(summary: SensitivitySummary) -> bytes:
    """PNG of sensitivity against false positives per image, logarithmic, for each lesion type that occurs."""
    plot = Plot(figsize=(6.4, 4.4), layout="constrained")
    axes = plot.add_subplot()
    for name, one in summary.types.items():
        if one.counts.lesions:
            _draw(axes, name, one)
    axes.set(xscale="log", ylim=(0, 1), xlabel="false positives per image", ylabel="lesion-level sensitivity")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.plot([], [], color="grey", linestyle="--", label="chance")
        axes.legend(fontsize=8)
    buffer = io.BytesIO()
    plot.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _draw(axes: Axes, name: str, one: TypeSummary) -> None:
    colour = "black" if name == ANY else np.divide(lesion_colour(name), 255).tolist()
    label = f"{name.replace('_', ' ')} ({one.counts.lesions} lesions)"
    # A logarithmic axis cannot show 0.
    rates = np.maximum(one.froc.curve.false_positives_per_image, RATES[0] / 2)
    axes.step(rates, one.froc.curve.sensitivity, where="post", label=label, color=colour)
    chance = one.froc.chance_curve
    axes.plot(chance.false_positives_per_image, chance.sensitivity, linestyle="--", linewidth=1, color=colour)
