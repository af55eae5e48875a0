"""The table of lesion sensitivity, as numbers and as text, and its caption.

The table has two rows per lesion type: the explanation, and below it the same blobs at random places ("chance"). The
caption names data set and consensus rule and defines every column.
"""

import pandas as pd

from retina_xai.evaluation.lesions.report import LesionReport
from retina_xai.evaluation.lesions.summary import SensitivitySummary
from retina_xai.evaluation.tables import number, percent
from retina_xai.metrics.froc import RATES
from retina_xai.metrics.overlap import ANY

LEVELS = {
    "image level": "image",
    "lesion level": "lesion",
    "lesion level, strict": "lesion_strict",
    "pixel level": "pixel",
    "pixel precision": "precision",
}
"""Column of the table: figure of a lesion type (`summary.TYPE_MEASURES`); all are shares."""

BRIEF = {
    "image level": "image",
    "lesion level": "lesion",
    "lesion level, strict": "strict",
    "pixel level": "pixel",
    "pixel precision": "precision",
}


def table(summary: SensitivitySummary) -> pd.DataFrame:
    """Figures as numbers: two rows per lesion type, indexed by (lesion type, "explanation" or "chance"); NaN undefined.

    Columns as in `caption`; each of the five levels and FROC has its interval in "<level> low" and "<level> high".
    """
    rows: dict[tuple[str, str], dict[str, float]] = {}
    false_positives = summary.figures["false_positives_per_image"]
    area = summary.figures["area_fraction"]
    for name, one in summary.types.items():
        found: dict[str, float] = {"images": one.counts.images, "lesions": one.counts.lesions}
        chance: dict[str, float] = dict(found)
        shares = {column: one.figures[measure] for column, measure in LEVELS.items()}
        for column, figure in {**shares, "FROC": one.froc.mean}.items():
            found |= _with_ends(column, figure.value, figure.interval.low, figure.interval.high)
            chance |= _with_ends(column, figure.chance, figure.chance_interval.low, figure.chance_interval.high)
        found["AP"], chance["AP"] = one.average_precision, one.prevalence
        found |= {"false positives / image": false_positives.value, "area": area.value}
        chance |= {"false positives / image": false_positives.chance, "area": area.chance}
        rows[_plain(name), "explanation"] = found
        rows[_plain(name), "chance"] = chance
    frame = pd.DataFrame.from_dict(rows, orient="index").astype({"images": int, "lesions": int})
    frame.index = pd.MultiIndex.from_tuples(rows, names=["lesion type", "prediction"])
    return frame


def readable(figures: pd.DataFrame) -> pd.DataFrame:
    """The table of `table` as text for the page: "61.3 % (45.0-75.2)"; undefined figures are "NaN"."""
    text = figures[["images", "lesions"]].astype(str)
    for column in LEVELS:
        text[column] = [percent(*ends) for ends in _ends(figures, column)]
    text["AP"] = [number(value, 3) for value in figures["AP"]]
    text["FROC"] = [number(value, 3, low, high) for value, low, high in _ends(figures, "FROC")]
    text["false positives / image"] = [number(value, 1) for value in figures["false positives / image"]]
    text["area"] = [percent(value, digits=2) for value in figures["area"]]
    return text


def brief(figures: pd.DataFrame) -> pd.DataFrame:
    """The table of `table` for a terminal of 80 columns: percentages without intervals, then AP and FROC."""
    text = figures[["images", "lesions"]].astype(str)
    for column, short in BRIEF.items():
        text[short] = [percent(value, digits=0) for value in figures[column]]
    for column in ("AP", "FROC"):
        text[column] = [number(value, 2) for value in figures[column]]
    return text.rename(index={"explanation": "method"}, level="prediction")


def caption(report: LesionReport) -> str:
    """The text below the table: data set, consensus rule, and the definition of every column."""
    dataset, settings, summary = report.dataset, report.settings, report.summary
    rates = ", ".join(f"{rate:g}" for rate in RATES)
    left_out = ", ".join(
        f"{_plain(name)} {one.counts.images_without}" for name, one in summary.types.items() if name != ANY
    )
    return (
        f"{dataset.label}, split '{dataset.split}': {summary.prediction.images} photographs. "
        f"Annotators: {dataset.spec.annotators}. "
        f"Consensus '{settings.consensus}': {dataset.consensus_rules[settings.consensus]}. "
        f"Predicted: evidence of at least {settings.fraction:.0%} of the photograph's maximum (and above "
        f"{settings.floor:g}) inside the field of view. Its 8-connected regions are the predicted blobs. "
        "images, lesions: photographs with the lesion type, and its 8-connected annotated regions. Photographs "
        f"without the type are left out of its row ({left_out}). "
        "image level: share of these photographs with at least one pixel of the type predicted. "
        "lesion level: share of the regions with at least one pixel predicted. strict: at least half of the region "
        "predicted, or touched by a blob whose centroid is within sqrt(area / pi) of the region's centroid. "
        "pixel level: share of the annotated pixels predicted. "
        "pixel precision: share of all predicted pixels annotated with the type. "
        "AP: average precision of the evidence by pixel; its chance value is the type's share of the field of view. "
        f"FROC: mean share of the regions found at {rates} false positives per image. Here a blob is the pixel of its "
        "largest evidence, in order of decreasing evidence: it finds the regions that contain it, and is a false "
        "positive if there is none. For the chance value, the randomly placed blobs keep their evidence. "
        "false positives / image: blobs that touch no lesion of any type. area: share of the field of view predicted. "
        f"In brackets: {settings.level:.0%} intervals, Wilson (image level) or bootstrap over photographs (others). "
        "chance: the same blobs, turned, mirrored and placed at random inside the field of view, "
        f"{settings.chance_repetitions} times; mean, and in brackets the central 95 % of the repetitions. "
        f"any: the union of the {len(dataset.lesion_types)} lesion types. NaN: undefined."
    )


def separation(summary: SensitivitySummary) -> str:
    """`SensitivitySummary.separation` as a sentence."""
    one = summary.separation
    auroc = number(one.auroc, 3, one.interval.low, one.interval.high)
    return (
        f"p(RDR) separates {one.present} photographs with an annotated lesion from {one.absent} without one: "
        f"AUROC {auroc}."
    )


def disputed(summary: SensitivitySummary) -> str:
    """`SensitivitySummary.disputed` as a sentence; empty where there is none."""
    one = summary.disputed
    if one is None:
        return ""
    share = percent(one.share.value, one.share.interval.low, one.share.interval.high, digits=0)
    froc = number(one.froc.value, 3, one.froc.interval.low, one.froc.interval.high)
    return (
        f"Of {one.false} blobs with their peak in no lesion, "
        f"{share} peak where at least one annotator marked a lesion, and too few for the consensus "
        f"(chance {percent(one.share.chance, digits=0)}). "
        f"FROC without these blobs: {froc} (chance {number(one.froc.chance, 3)})."
    )


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _with_ends(column: str, value: float, low: float, high: float) -> dict[str, float]:
    return {column: value, f"{column} low": low, f"{column} high": high}


def _ends(figures: pd.DataFrame, column: str) -> list[tuple[float, float, float]]:
    return list(zip(figures[column], figures[f"{column} low"], figures[f"{column} high"], strict=True))
