"""What a comparison writes: the table, comparison.csv, and one page with its figure (comparison.html, .png, .pdf).

The page contains its figure, needs no other file, no script and no network. Jinja2 escapes all texts.
"""

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from retina_xai.evaluation.comparison.comparison_plot import ARROWS, COST_TITLES, drawn
from retina_xai.evaluation.comparison.registry import METRICS
from retina_xai.evaluation.comparison.summary import PLAIN, ComparisonSummary, Mean, frame_of, summary_of
from retina_xai.evaluation.experiments.base import Findings, Subject
from retina_xai.evaluation.tables import number
from retina_xai.explainers.registry import EXPLAINERS
from retina_xai.models.network import Network

FEW = 15
"""Of fewer photographs, the percentile bootstrap covers less than it says."""

SIGNS = {"best": " *", "tied": " ~", "": ""}


def findings_of(
    records: Sequence[Mapping[str, Any]], subject: Subject, metrics: Sequence[str], resamples: int
) -> Findings:
    """The findings of all records."""
    summary = summary_of(records, metrics, resamples, subject.seed)
    pictures = drawn(summary)
    caption = caption_of(summary, subject.network, resamples)
    page = _page(summary, subject.network.name, caption, pictures[".png"])
    documents = {f"comparison{ending}": content for ending, content in pictures.items()}
    return Findings(
        figures_of(summary),
        table_of(summary),
        caption,
        frames={"comparison": frame_of(summary)},
        documents={**documents, "comparison.html": page.encode()},
    )


def figures_of(summary: ComparisonSummary) -> dict[str, float]:
    """The flat figures of result.json."""
    figures: dict[str, float] = {"n": summary.photographs}
    for name, result in summary.metrics.items():
        for key, one in result.means.items():
            figures |= _named(f"{name}.{key}", one)
        for key, one in result.differences.items():
            figures |= _named(f"{name}.{key}.difference", one)
    for key, one in summary.noise_effect.items():
        figures |= _named(f"noise_effect.{key}", one)
    for key, costs in summary.costs.items():
        figures |= {f"{cost}.{key}": value for cost, value in costs.items()}
        figures[f"converged.{key}"] = summary.converged[key]
    return figures


def table_of(summary: ComparisonSummary) -> pd.DataFrame:
    """One row per method as texts: means with their marks, and the cost."""
    rows = {
        EXPLAINERS[key].label: {
            **{_head(name): _cell(summary, name, key) for name in summary.metrics},
            **{COST_TITLES[cost]: f"{value:.3g}" for cost, value in summary.costs[key].items()},
        }
        for key in summary.methods
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def caption_of(summary: ComparisonSummary, network: Network, resamples: int) -> str:
    """What the table shows, and how far it can be trusted."""
    games = ", ".join(
        f"{EXPLAINERS[key].label} {summary.converged[key]:.0%}"
        for key in summary.methods
        if EXPLAINERS[key].category in ("game", "ablation")
    )
    return (
        f"{network.name}, {summary.photographs} photographs, each explained for {network.explained_as}. Means; * the "
        "best, ~ not told apart from it: the 95 % interval of the paired difference includes 0 (percentile bootstrap "
        f"over the photographs, {resamples} resamples). Arrows: which direction is better. Controls, ablations and the "
        "random map cannot be the best. Pixels are ranked by their evidence, ties by the signed attribution, then in a "
        "random order from a fixed seed; 'largest tie' is the share of pixels that is left to it. One bare pass is a "
        "forward and backward pass of one image. The best is chosen on the same photographs."
        + (
            f" With {summary.photographs} photographs the intervals are too narrow."
            if summary.photographs < FEW
            else ""
        )
        + (f" Games that reached their goal after all steps: {games}." if games else "")
    )


def verdicts_of(summary: ComparisonSummary) -> list[str]:
    """What noise on the map does to the deletion area of every method, one sentence each."""
    sentences = []
    for key, one in summary.noise_effect.items():
        effect = "lowers" if one.value < 0 else "raises"
        told = f"{one.value:+.4f} ({one.interval.low:+.4f} to {one.interval.high:+.4f})"
        ending = "; the interval includes 0." if one.includes_zero else "."
        sentences.append(f"{EXPLAINERS[key].label}: noise on the map {effect} the deletion area, {told}{ending}")
    return sentences


def _page(summary: ComparisonSummary, network: str, caption: str, picture: bytes) -> str:
    template = files("retina_xai.evaluation.comparison") / "comparison.html.j2"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    groups: dict[str, list[str]] = {}
    for name in summary.metrics:
        groups.setdefault(METRICS[name].group, []).append(name)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        network=network,
        photographs=summary.photographs,
        caption=caption,
        groups=groups,
        specs=METRICS,
        arrows=ARROWS,
        rows=[_row(summary, groups, key) for key in summary.methods],
        costs=list(COST_TITLES.values()),
        details={name: _details(summary, name) for name in summary.metrics},
        verdicts=verdicts_of(summary) if PLAIN in summary.metrics else [],
        refused={EXPLAINERS[key].label: text for key, text in summary.refused.items()},
        picture=base64.b64encode(picture).decode("ascii"),
    )


def _row(summary: ComparisonSummary, groups: Mapping[str, Sequence[str]], key: str) -> dict[str, Any]:
    cells = [
        (number(result.means[key].value), result.mark(key))
        for names in groups.values()
        for result in (summary.metrics[name] for name in names)
    ]
    costs = [f"{value:.3g}" for value in summary.costs[key].values()]
    control = EXPLAINERS[key].category in ("control", "ablation")
    return {"label": EXPLAINERS[key].label, "cells": cells, "costs": costs, "control": control}


def _details(summary: ComparisonSummary, name: str) -> list[tuple[str, str, str, str, int]]:
    """Label, mean with interval, difference to the best with interval, mark and n, of every method."""
    result = summary.metrics[name]
    rows = []
    for key in summary.methods:
        one, other = result.means[key], result.differences.get(key)
        value = number(one.value, 4, one.interval.low, one.interval.high)
        rows.append((EXPLAINERS[key].label, value, _difference(other), result.mark(key), one.n))
    return rows


def _difference(one: Mean | None) -> str:
    if one is None or not one.n:
        return ""
    return f"{one.value:+.4f} ({one.interval.low:+.4f} to {one.interval.high:+.4f})"


def _head(name: str) -> str:
    return f"{METRICS[name].label} {ARROWS[METRICS[name].better]}"


def _cell(summary: ComparisonSummary, name: str, key: str) -> str:
    result = summary.metrics[name]
    return number(result.means[key].value) + SIGNS[result.mark(key)]


def _named(name: str, one: Mean) -> dict[str, float]:
    return {name: one.value, f"{name}.low": one.interval.low, f"{name}.high": one.interval.high}
