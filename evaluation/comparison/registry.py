"""The metrics of a comparison by the names of the command line. A new one is one function and one entry here.

Groups are those of Quantus (Hedstroem et al., JMLR 2023): faithfulness, localisation, complexity, randomisation and
robustness; "controls" repeats the deletion area under changes that should not matter if it measured knowledge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from captum.metrics import sensitivity_max

from retina_xai.adapters import as_captum, seeded_globally
from retina_xai.errors import UsageError
from retina_xai.evaluation.comparison.maps import ExplainedCase, largest_tie
from retina_xai.games.references import Blur
from retina_xai.metrics.complexity import complexity, sparseness
from retina_xai.metrics.deletion import CurveSettings
from retina_xai.metrics.pointing import mass_accuracy, pointing_hit, rank_accuracy
from retina_xai.metrics.trust import correlation_without_weights

Better = Literal["lower", "higher"]
Measure = Callable[[ExplainedCase], float]

RADIUS, SAMPLES = 0.02, 3
"""Of the noise on the input in `max_sensitivity`: largest change of a value, and number of noisy copies."""


@dataclass(frozen=True)
class MetricSpec:
    """One metric: name, label, group, which direction is better, what it means, its source, and its function.

    slow: it explains the photograph again, so it costs as much as the method, several times. truth: it needs boxes or
    masks of the objects. control: no method is the best in it.
    """

    key: str
    label: str
    group: str
    better: Better
    meaning: str
    source: str
    measure: Measure
    slow: bool = False
    truth: bool = False
    control: bool = False


def area(case: ExplainedCase, mode: str = "deletion", blurred: bool = False, of: str = "ranking") -> float:
    """Area under a curve of `metrics.deletion` for one of the maps of the case."""
    settings = CurveSettings(mode, Blur() if blurred else "zero", score=case.explanation.score)
    return case.area(getattr(case, of), settings)


def without_weights(case: ExplainedCase, stage: str) -> float:
    """Rank correlation with the map of a network that lost weights; see `metrics.trust`."""
    model, image = case.network.model, case.image[0]
    return correlation_without_weights(model, image, case.explanation, case.explainer, stage, case.seed)


def max_sensitivity(case: ExplainedCase) -> float:
    """Captum's `sensitivity_max` of the evidence."""
    method = as_captum(case.explainer, case.network.model, "evidence")
    settings = {"perturb_radius": RADIUS, "n_perturb_samples": SAMPLES, "target": case.target}
    with seeded_globally(case.seed, case.image.device):
        return float(sensitivity_max(method.attribute, case.image, **settings))


def _on_object(metric: Callable[..., float], **settings: int) -> Measure:
    def measure(case: ExplainedCase) -> float:
        return float("nan") if case.truth is None else metric(case.evidence, case.truth, **settings)

    return measure


METRICS: dict[str, MetricSpec] = {
    spec.key: spec
    for spec in (
        MetricSpec(
            "deletion",
            "deletion",
            "faithfulness",
            "lower",
            "area under the score while pixels are set to the mean colour, most important first",
            "Petsiuk et al., 2018; steps of FGVis A4.1",
            area,
        ),
        MetricSpec(
            "insertion",
            "insertion",
            "faithfulness",
            "higher",
            "area under the score while pixels are restored in the same order",
            "Petsiuk et al., 2018",
            lambda case: area(case, "insertion"),
        ),
        MetricSpec(
            "deletion-noise",
            "deletion, map x noise",
            "controls",
            "lower",
            "deletion of the evidence times white noise: where it is as low as deletion, that rewards scatter",
            "method section 5",
            lambda case: area(case, of="times_noise"),
            control=True,
        ),
        MetricSpec(
            "deletion-smooth",
            "deletion, equal granularity",
            "controls",
            "lower",
            "deletion of the evidence after the same blur for every method (8 of 224 pixels)",
            "method section 5",
            lambda case: area(case, of="smoothed"),
        ),
        MetricSpec(
            "deletion-blur",
            "deletion, second reference",
            "controls",
            "lower",
            "deletion where removed pixels become those of the blurred photograph (10 pixels)",
            "method section 5",
            lambda case: area(case, blurred=True),
        ),
        MetricSpec(
            "deletion-clipped",
            "deletion, clipped ranking",
            "controls",
            "lower",
            "deletion of the evidence clipped at 0, as the experiment deletion ranks it",
            "method section 5",
            lambda case: area(case, of="evidence"),
        ),
        MetricSpec(
            "largest-tie",
            "largest tie",
            "controls",
            "lower",
            "share of the pixels in the largest group of equal rank, which is removed in a random order",
            "ours",
            lambda case: largest_tie(case.ranking),
            control=True,
        ),
        MetricSpec(
            "pointing",
            "pointing game",
            "localisation",
            "higher",
            "the pixel of the highest evidence lies on the object",
            "Zhang et al., 2016",
            _on_object(pointing_hit),
            truth=True,
        ),
        MetricSpec(
            "mass",
            "mass accuracy",
            "localisation",
            "higher",
            "share of the evidence on the object",
            "Arras et al., 2022",
            _on_object(mass_accuracy),
            truth=True,
        ),
        MetricSpec(
            "rank",
            "rank accuracy",
            "localisation",
            "higher",
            "share of the strongest pixels, as many as the object has, on the object",
            "Arras et al., 2022",
            _on_object(rank_accuracy),
            truth=True,
        ),
        MetricSpec(
            "sparseness",
            "sparseness",
            "complexity",
            "higher",
            "Gini index of the evidence",
            "Chalasani et al., 2020",
            lambda case: sparseness(case.evidence),
        ),
        MetricSpec(
            "complexity",
            "entropy",
            "complexity",
            "lower",
            "entropy of the evidence",
            "Bhatt et al., 2020",
            lambda case: complexity(case.evidence),
        ),
        MetricSpec(
            "weights-last",
            "without last layer",
            "randomisation",
            "lower",
            "rank correlation with the map of the network whose last layer lost its weights",
            "Adebayo et al., 2018",
            lambda case: without_weights(case, "last"),
            slow=True,
        ),
        MetricSpec(
            "weights-all",
            "without weights",
            "randomisation",
            "lower",
            "rank correlation with the map of the network that lost all weights",
            "Adebayo et al., 2018",
            lambda case: without_weights(case, "all"),
            slow=True,
        ),
        MetricSpec(
            "max-sensitivity",
            "max-sensitivity",
            "robustness",
            "lower",
            f"largest relative change of the evidence in {SAMPLES} draws of noise of at most {RADIUS} on the input",
            "Yeh et al., 2019, computed by Captum",
            max_sensitivity,
            slow=True,
        ),
    )
}

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(spec.group for spec in METRICS.values()))


def chosen_metrics(names: Sequence[str] | None, annotated: bool) -> tuple[str, ...]:
    """Keys of metrics from names of metrics or groups, or "all", in the order of the registry.

    Without names, those that do not explain the photograph again. Those of objects are left out without annotations.

    Raises:
        UsageError: an unknown name, or a metric of objects without annotations.
    """
    wanted = set(names or [spec.group for spec in METRICS.values() if not spec.slow])
    if unknown := sorted(wanted - {"all", *METRICS, *GROUPS}):
        raise UsageError(f"unknown metric {unknown[0]!r}: choose of all, {', '.join((*GROUPS, *METRICS))}")
    named = sorted(key for key in wanted if key in METRICS and METRICS[key].truth)
    if (named or wanted == {"localisation"}) and not annotated:
        raise UsageError(
            f"metric {(named or ['localisation'])[0]!r} needs the objects: give them with --boxes or --annotated"
        )
    return tuple(
        key for key, spec in METRICS.items() if wanted & {"all", key, spec.group} and (annotated or not spec.truth)
    )
