"""Explain photographs for any classifier by any method: pictures, scores and a trust block for each.

For each photograph OUT holds the pictures of `evaluation.explanation_sheet` and `<stem>.json`, which is written last:
where it exists the photograph is done. An interrupted run continues where it stopped; a folder that was made with other
settings, weights or methods is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from retina_xai.app.batch.patients import write_patients
from retina_xai.app.batch.photographs import READER, OnDone, PhotographReader, check_own, reporter, work_items
from retina_xai.app.cli.options import Given, configured
from retina_xai.errors import UsageError
from retina_xai.evaluation.explanation_sheet import pictures_of
from retina_xai.explainers.explainer import Explainer, Explanation, StepsOf, no_steps
from retina_xai.explainers.registry import explainer_named
from retina_xai.io.files import write_json
from retina_xai.io.images import write_png
from retina_xai.io.versions import versions
from retina_xai.localization import summary
from retina_xai.metrics.trust import TrustSettings, trust
from retina_xai.models.network import Network
from retina_xai.models.scores import Score
from retina_xai.records import SCHEMA_VERSION, read_record
from retina_xai.runner import Codec, Executor, WorkItem, claim, in_turn, run

LISTED = 5
"""Classes that a record lists, most likely first."""


@dataclass(frozen=True)
class ExplainRun:
    """Settings of a batch: `target` is a class index, the most likely class by default; no `trust` leaves it out."""

    network: Network
    out: Path
    method: str
    explainer: Explainer
    target: int | None = None
    trust: TrustSettings | None = None
    reader: PhotographReader = READER

    def facts(self) -> dict[str, Any]:
        """What all photographs share."""
        asked = self.trust
        return {
            "method": {"name": self.method, "settings": self.explainer.settings()},
            "model": self.network.facts(),
            "class": None if self.target is None else self.network.classes[self.target],
            "trust_settings": None if asked is None else {"seeds": list(asked.seeds), "randomise": asked.randomise},
            "versions": versions(),
            **self.reader.facts(),
        }


def chosen_explainer(method: str, given: Given, search: bool = False) -> Explainer:
    """The method with its settings for photographs and those that were given.

    Args:
        search: the paper's search for lambda, which takes minutes per photograph, instead of one lambda.

    Raises:
        UsageError: unknown method, settings that it does not have or refuses, or a search without a lambda to search.
    """
    spec, what = explainer_named(method), f"method {method}"
    if not search:
        game = getattr(configured(spec.factory(), what, given), "game", None) if spec.game_presets else None
        return configured(spec.for_photographs(game), what, given)
    if "lam" not in spec.photograph_preset:
        raise UsageError(f"--search: {what} has no lambda to search, leave it out")
    if given.options.get("lam") or any(text.partition("=")[0].strip() == "lam" for text in given.assignments):
        raise UsageError("--search with --lam: the search chooses lambda, leave one of them out")
    return configured(spec.factory(), what, given)


def run_of(
    network: Network, out: Path, method: tuple[str, Explainer], target: str | None, judged: TrustSettings | None
) -> ExplainRun:
    """The batch for a method (name, explainer) and a target class by name or number.

    Raises:
        UsageError: no such class, or several of that name.
    """
    index = None if target is None else network.class_index(target)
    return ExplainRun(network, out, *method, index, judged)


def judged_by(wanted: bool, randomise: bool) -> TrustSettings | None:
    """The settings of the trust block, or none.

    Raises:
        UsageError: randomised networks without a trust block.
    """
    if randomise and not wanted:
        raise UsageError("--randomise with --no-trust: it is a part of the trust block, leave one of them out")
    return TrustSettings(randomise=randomise) if wanted else None


@dataclass(frozen=True, eq=False)
class ExplanationFiles:
    """What is kept of one photograph: its own part of the record, and pictures by the ending of their name."""

    record: Mapping[str, Any]
    pictures: Mapping[str, np.ndarray]


def explain_batch(
    paths: Sequence[Path],
    settings: ExplainRun,
    on_done: OnDone,
    steps: StepsOf = no_steps,
    executor: Executor = in_turn,
) -> None:
    """Explain all photographs into SETTINGS.OUT.

    Raises:
        BatchError, InputError: some photographs failed; all others are done.
        OutputError: the output folder cannot be written.
        UsageError: the folder was made with other settings, or a method that is not fitted.
    """
    settings.explainer.check_fitted()
    facts = settings.facts()

    def save(path: Path, made: ExplanationFiles) -> None:
        for ending, pixels in made.pictures.items():
            write_png(path.with_name(f"{path.stem}_{ending}.png"), pixels)
        write_json(path, {**made.record, **facts})

    codec = Codec(_load, save, _is_own)
    with claim(settings.out, facts):
        items = work_items(paths, settings.out, settings.reader)
        work = partial(_explain, settings=settings, steps=steps)
        outcome = run(items, work, codec, reporter(on_done, _line), executor)
        write_patients(settings.out / "patients.csv", [item for item, _ in outcome.results], settings.reader)
    outcome.raise_failures()


def _explain(path: Path, settings: ExplainRun, steps: StepsOf) -> ExplanationFiles:
    photograph, network, explainer = settings.reader.read(path), settings.network, settings.explainer
    image = network.input_of(photograph)
    on_step = steps(f"explaining {photograph.name}", explainer.plan())
    result = explainer(network.model, image, settings.target, on_step=on_step)
    judged = None
    if asked := settings.trust:
        on_step = steps(f"judging {photograph.name}", asked.plan(explainer))
        judged = trust(network.model, image[0], result, asked, explainer, on_step).to_dict()
    record = {
        "schema_version": SCHEMA_VERSION,
        "file": {"name": photograph.name, "sha256": photograph.sha256, **photograph.metadata},
        "prediction": _top(network, image, settings.explainer.score),
        "explanation": {"class": network.classes[int(result.target)], **(summary(result) or {}), **_filters(result)},
        "trust": judged,
    }
    return ExplanationFiles(record, pictures_of(network, image, result))


def _load(path: Path) -> dict[str, Any] | None:
    return read_record(path, "explain") if path.exists() else None


def _top(network: Network, image: Tensor, score: Score) -> list[dict[str, Any]]:
    """The most likely classes with their scores."""
    return [
        {"class": network.classes[index], "index": index, "score": float(f"{score:.7g}")}
        for index, score in network.most_likely(image, LISTED, score)
    ]


def _is_own(item: WorkItem[Path], record: dict[str, Any]) -> bool:
    return check_own(item, record["file"]["sha256"])


def _filters(result: Explanation) -> dict[str, Any]:
    """The filters that a method chose for its image, the largest contribution first."""
    if result.filters is None:
        return {}
    rows = [
        {"layer": one.layer, "filter": one.filter, "contribution": float(f"{one.value:.7g}")}
        for one in result.filters[0]
    ]
    return {"filters": rows}


def _line(record: Mapping[str, Any], _: float) -> str:
    found = record["explanation"]
    before = f"{found['class']} {found['score_before']:.3f}"
    if found["score_after"] is None:
        return before
    goal = "" if found["converged"] else " (goal not reached)"
    return f"{before} -> {found['score_after']:.3f}{goal}"
