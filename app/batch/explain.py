"""Any classifier's photographs explained: pictures, scores and a trust block for each, by any method.

For each photograph OUT holds the pictures of `evaluation.explanation_sheet` and `<stem>.json`, which is written last:
where it exists the photograph is done. An interrupted batch goes on where it stopped; other settings, weights or
methods are refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from retina_xai.app.batch.localize import Failures, OnDone, is_done, stems_of
from retina_xai.app.cli.options import configured
from retina_xai.errors import UsageError
from retina_xai.evaluation.explanation_sheet import pictures_of
from retina_xai.explainers import EXPLAINERS, Explainer, Explanation
from retina_xai.io.files import write_json
from retina_xai.io.folders import claim
from retina_xai.io.images import Photograph, read_image, write_png
from retina_xai.localization import summary
from retina_xai.metrics.trust import TrustSettings, trust
from retina_xai.models.network import Network
from retina_xai.records import SCHEMA_VERSION, versions

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

    def facts(self) -> dict[str, Any]:
        """What all photographs share."""
        asked = self.trust
        return {
            "method": {"name": self.method, "settings": self.explainer.settings()},
            "model": self.network.facts(),
            "class": None if self.target is None else self.network.classes[self.target],
            "trust_settings": None if asked is None else {"seeds": list(asked.seeds), "randomise": asked.randomise},
            "versions": versions(),
        }


def explainer_named(method: str, given: Mapping[str, Sequence[Any] | None]) -> Explainer:
    """The method with the settings that were given.

    Raises:
        UsageError: unknown method, or settings that it does not have or refuses.
    """
    if method not in EXPLAINERS:
        raise UsageError(f"unknown method {method!r}: choose one of {', '.join(EXPLAINERS)}")
    kind = EXPLAINERS[method]
    return configured(kind, f"method {method}", given) if isinstance(kind, type) else kind()


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


def explain_batch(paths: Sequence[Path], run: ExplainRun, on_done: OnDone) -> None:
    """Explain all photographs into RUN.OUT.

    Raises:
        BatchError, InputError: some photographs failed; all others are done.
        UsageError: the folder was made with other settings.
    """
    facts = run.facts()
    claim(run.out, facts)
    failures = Failures()
    for path, stem in stems_of(paths).items():
        with failures.collected(path, on_done):
            if is_done(run.out / f"{stem}.json", path, "explain"):
                on_done(path, "done before")
                continue
            on_done(path, _explain(read_image(path), run, run.out / stem, facts))
    failures.close(len(paths))


def _explain(photograph: Photograph, run: ExplainRun, place: Path, facts: Mapping[str, Any]) -> str:
    """Explain one photograph, write its files, and say in a line what was found."""
    network = run.network
    image = network.input_of(photograph)
    result = run.explainer(network.model, image, run.target)
    judged = None if run.trust is None else trust(network.model, image[0], result, run.trust, run.explainer).to_dict()
    for ending, pixels in pictures_of(network, image, result).items():
        write_png(place.with_name(f"{place.name}_{ending}.png"), pixels)
    name = network.classes[int(result.target)]
    record = {
        "schema_version": SCHEMA_VERSION,
        "file": {"name": photograph.name, "sha256": photograph.sha256, **photograph.metadata},
        "prediction": _top(network, image),
        "explanation": {"class": name, **(summary(result) or {})},
        "trust": judged,
        **facts,
    }
    write_json(place.with_name(f"{place.name}.json"), record)
    return _line(name, result)


def _top(network: Network, image: Tensor) -> list[dict[str, Any]]:
    """The most likely classes with their scores."""
    scores, indices = network.scores(image)[0].topk(min(LISTED, len(network.classes)))
    return [
        {"class": network.classes[index], "index": index, "score": float(f"{score:.7g}")}
        for index, score in zip(indices.tolist(), scores.tolist(), strict=True)
    ]


def _line(name: str, result: Explanation) -> str:
    before = f"{name} {float(result.score_before):.3f}"
    if result.mask is None:
        return before
    goal = "" if bool(result.converged) else " (goal not reached)"
    return f"{before} -> {float(result.score_after):.3f}{goal}"
