"""Fits the learned quality score (`retina_xai.fundus.quality_score`) to photographs that graders call good or bad.

    retina-xai train-quality --good DIR --bad DIR [--unlabelled DIR] --out DIR

Of photographs without a label, those count as good that the rules of `fundus.quality` call good, so that the score
knows other cameras. A damaged copy (`training.damage`) of a share of all good ones counts as bad.

OUT holds quality_score.json, metrics.json, scores.csv (out of fold) and a record for each photograph, from which an
interrupted run goes on. All figures are out of fold: five folds by photograph, a damaged copy in the fold of its
original. `limit` is the score that 95 % of the photographs reach that count as good, labelled or not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retina_xai.errors import InputError, UsageError
from retina_xai.fundus.quality import by_rules, measure
from retina_xai.fundus.quality_score import RESOURCE, QualityScore, features_of
from retina_xai.io.files import parse_json, sha256_of, write_csv, write_json
from retina_xai.io.images import find_images, read_image
from retina_xai.io.names import shown_name
from retina_xai.io.versions import versions
from retina_xai.metrics.classification import auroc, auroc_interval
from retina_xai.runner import Codec, ItemOutcome, RunOutcome, WorkItem, claim, key_of, run
from retina_xai.training.damage import DAMAGES

GOOD, BAD, UNLABELLED = "good", "bad", "unlabelled"
FOLDS = 5
KEPT = 0.95
REGULARISATION = 0.02
COLUMNS = ("photograph", "folder", "label", "damage", "rules", "score")


@dataclass(frozen=True)
class QualitySettings:
    """Share of good photographs that are damaged, most photographs per folder, seed of draws and folds."""

    damaged: float = 0.35
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.damaged <= 1 or (self.limit is not None and self.limit < 1):
            raise UsageError(f"damaged {self.damaged}, limit {self.limit}: give a share, and at least 1 photograph")


@dataclass(frozen=True)
class Source:
    """A photograph, its folder and its label."""

    path: Path
    folder: str
    label: str


@dataclass(frozen=True)
class Sample:
    """The measures of a photograph or of its damaged copy, and whether it counts as good."""

    name: str
    folder: str
    label: str
    damage: str
    rules: str
    measures: Mapping[str, float]

    @property
    def counts(self) -> bool:
        """Whether it is used: an unlabelled photograph that the rules call good, or any labelled or damaged one."""
        return self.label != UNLABELLED or bool(self.damage) or self.rules == GOOD

    @property
    def good(self) -> bool:
        """Whether it counts as good."""
        return self.label != BAD and not self.damage


Folders = Mapping[str, Sequence[Path]]
"""Folders of photographs by label."""

OnSample = Callable[[ItemOutcome[Source, list[Sample]]], None]


def quality_sources(folders: Folders, settings: QualitySettings) -> list[Source]:
    """The photographs to use: at most `limit` of each folder, drawn by the seed.

    Raises:
        InputError: no photograph labelled good, or none labelled bad.
    """
    found = []
    for label, paths in folders.items():
        for folder in paths:
            images = find_images([folder])
            rng = np.random.default_rng(settings.seed)
            count = min(len(images), settings.limit or len(images))
            chosen = sorted(rng.permutation(len(images))[:count].tolist())
            found += [Source(images[index], "/".join(folder.parts[-2:]), label) for index in chosen]
    for label in (GOOD, BAD):
        if sum(one.label == label for one in found) < FOLDS:
            raise InputError(f"fewer than {FOLDS} photographs labelled {label}: give a folder of them with --{label}")
    return found


def train_quality(
    sources: Sequence[Source], out: Path, settings: QualitySettings, on_item: OnSample = lambda _: None
) -> tuple[dict[str, Any], RunOutcome[Source, list[Sample]]]:
    """Measure all photographs, fit the score, and write the files of the module docstring.

    Returns:
        The content of metrics.json, and the outcome of every photograph.

    Raises:
        UsageError: OUT was made with other settings. OutputError: OUT cannot be written.
    """
    items = [
        WorkItem(shown_name(one.path), one, out / "measures" / f"{key_of([sha256_of(one.path), one.label])}.json")
        for one in sources
    ]
    with claim(out, {"command": "train-quality", **asdict(settings), "versions": versions()}):
        outcome = run(items, lambda source: _samples(source, settings), Codec(_load, _save), on_item)
        samples = [sample for _, found in outcome.results for sample in found if sample.counts]
        scores = _out_of_fold(samples, settings.seed)
        metrics = _metrics(samples, scores)
        score = _fitted(samples, metrics["limit"])
        rows = [(s.name, s.folder, s.label, s.damage, s.rules, p) for s, p in zip(samples, scores, strict=True)]
        write_csv(out / "scores.csv", COLUMNS, rows)
        write_json(out / RESOURCE, score.to_json())
        write_json(out / "metrics.json", metrics)
    return metrics, outcome


def _samples(source: Source, settings: QualitySettings) -> list[Sample]:
    photograph, name = read_image(source.path), shown_name(source.path)
    measures = measure(photograph.pixels)
    found = [Sample(name, source.folder, source.label, "", by_rules(measures).verdict, asdict(measures))]
    rng = np.random.default_rng([settings.seed, int(sha256_of(source.path)[:8], 16)])
    if found[0].good and found[0].counts and rng.random() < settings.damaged:
        damage = str(rng.choice(list(DAMAGES)))
        damaged = measure(DAMAGES[damage](photograph.pixels, rng))
        found.append(Sample(name, source.folder, source.label, damage, by_rules(damaged).verdict, asdict(damaged)))
    return found


def _save(record: Path, samples: list[Sample]) -> None:
    write_json(record, [asdict(sample) for sample in samples])


def _load(record: Path) -> list[Sample] | None:
    try:
        return [Sample(**values) for values in parse_json(record.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def _table(samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, F), and whether each is good (N,)."""
    return np.stack([features_of(one.measures) for one in samples]), np.array([one.good for one in samples])


def _pipeline() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    model = LogisticRegression(C=REGULARISATION, max_iter=5000, class_weight="balanced")
    return make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler(), model)


def _out_of_fold(samples: Sequence[Sample], seed: int) -> np.ndarray:
    from sklearn.model_selection import GroupKFold, cross_val_predict

    features, good = _table(samples)
    groups = [f"{one.folder}/{one.name}" for one in samples]
    folds = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    found = cross_val_predict(_pipeline(), features, good, groups=groups, cv=folds, method="predict_proba")
    return np.asarray(found[:, 1])


def _fitted(samples: Sequence[Sample], limit: float) -> QualityScore:
    """The fit to all samples, as one quadratic form of the standardised features."""
    first, products, second, model = _pipeline().fit(*_table(samples)).named_steps.values()
    weights = model.coef_[0] / second.scale_
    offset = float(model.intercept_[0] - weights @ second.mean_)
    count = len(first.mean_)
    linear, quadratic = np.zeros(count), np.zeros((count, count))
    for powers, weight in zip(products.powers_, weights, strict=True):
        places = np.repeat(np.arange(count), powers)
        if len(places) == 1:
            linear[places[0]] = weight
        else:
            quadratic[places[0], places[1]] = weight
    return QualityScore(first.mean_, first.scale_, linear, quadratic, offset, limit)


def _metrics(samples: Sequence[Sample], scores: np.ndarray) -> dict[str, Any]:
    labelled = np.array([one.label != UNLABELLED and not one.damage for one in samples])
    good = np.array([one.good for one in samples])
    limit = float(np.quantile(scores[good], 1 - KEPT))
    passes = np.array([one.rules == GOOD for one in samples]) & (scores >= limit)
    folders: dict[str, Any] = {}
    for folder in sorted({(one.label, one.folder) for one in samples}):
        own = np.array([(one.label, one.folder) == folder and not one.damage for one in samples])
        shares = {"score": float((scores[own] >= limit).mean()), "score_and_rules": float(passes[own].mean())}
        folders[" ".join(folder)] = {"photographs": int(own.sum()), "called_good": shares}
    damages = {
        name: {"photographs": int(own.sum()), "called_good": float((scores[own] >= limit).mean())}
        for name in DAMAGES
        if (own := np.array([one.damage == name for one in samples])).any()
    }
    names = [f"{one.folder}/{one.name}" for one, own in zip(samples, labelled, strict=True) if own]
    interval = auroc_interval(good[labelled], scores[labelled], np.array(names))
    return {
        "auroc": auroc(good[labelled], scores[labelled]),
        "auroc_interval": [interval.low, interval.high],
        "limit": limit,
        "folders": folders,
        "damages": damages,
    }
