"""The lesion sensitivity experiment as a reader gets it: result.json, a table, and one self-contained page.

The table has two rows per lesion type: what the explanation reached, and below it what the same blobs reached when
thrown at random ("chance"). Every column is defined in the caption, which names the consensus rule. The page embeds
its pictures and curves (PNG, base64): it needs no other file, no script and no network. Names from files are escaped.
"""

import base64
import html
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_xai.evaluation.datasets.diaretdb1 import CONSENSUS_TEXT
from retina_xai.evaluation.lesions.froc_plot import froc_png
from retina_xai.evaluation.lesions.sensitivity import SensitivitySettings
from retina_xai.evaluation.lesions.summary import Figure, FrocSummary, ImageResult, Summary, TypeSummary
from retina_xai.io.files import write_json, write_text
from retina_xai.io.images import read_image
from retina_xai.metrics.froc import RATES
from retina_xai.metrics.overlap import ANY

SCHEMA_VERSION = 1
PANEL_WIDTH = 480
PACKAGES = ("retina-xai", "torch", "monai", "numpy", "scikit-learn", "scikit-image", "opencv-python-headless")
# Column of the table -> figure of a lesion type; all are shares.
LEVELS = {
    "image level": "image",
    "lesion level": "lesion",
    "lesion level, strict": "lesion_strict",
    "pixel level": "pixel",
    "pixel precision": "precision",
}


@dataclass(frozen=True)
class PictureRow:
    """Pictures of one photograph side by side: each a label and an image file or (H, W, 3) uint8 pixels."""

    title: str
    panels: Sequence[tuple[str, Path | npt.NDArray[np.uint8]]]


def write_result(
    path: Path, summary: Summary, settings: SensitivitySettings, facts: Mapping[str, Any] | None = None
) -> None:
    """Write result.json; undefined figures are null. `facts` (data set, split, run times...) go in as they are."""
    write_json(path, result_of(summary, settings, facts))


def result_of(
    summary: Summary, settings: SensitivitySettings, facts: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What result.json holds: counts, figures with intervals and chance, FROC, settings, versions, image by image."""
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": "lesion_sensitivity",
        "consensus": {"rule": settings.consensus, "meaning": CONSENSUS_TEXT[settings.consensus]},
        "settings": asdict(settings),
        "versions": versions(),
        **(facts or {}),
        "classification": asdict(summary.separation),
        "prediction": {"counts": asdict(summary.prediction), "figures": _figures(summary.figures)},
        "lesion_types": {name: _type_of(one) for name, one in summary.types.items()},
        "images": [_image_of(image) for image in summary.images],
    }


def versions() -> dict[str, str]:
    """Python and the packages that decide the figures."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def table(summary: Summary) -> pd.DataFrame:
    """Figures as numbers: two rows per lesion type, indexed by (lesion type, "explanation" or "chance"); NaN undefined.

    Columns as in `caption`, each of the five levels and FROC with its interval in "<level> low" and "<level> high".
    """
    rows: dict[tuple[str, str], dict[str, float]] = {}
    false_positives = summary.figures["false_positives_per_image"]
    area = summary.figures["area_fraction"]
    for name, one in summary.types.items():
        seen: dict[str, float] = {"images": one.counts.images, "lesions": one.counts.lesions}
        thrown: dict[str, float] = dict(seen)
        shares = {column: one.figures[measure] for column, measure in LEVELS.items()}
        for column, figure in {**shares, "FROC": one.froc.mean}.items():
            seen |= _with_ends(column, figure.value, figure.interval.low, figure.interval.high)
            thrown |= _with_ends(column, figure.chance, figure.chance_interval.low, figure.chance_interval.high)
        seen["AP"], thrown["AP"] = one.average_precision, one.prevalence
        seen |= {"false positives / image": false_positives.value, "area": area.value}
        thrown |= {"false positives / image": false_positives.chance, "area": area.chance}
        rows[name.replace("_", " "), "explanation"] = seen
        rows[name.replace("_", " "), "chance"] = thrown
    frame = pd.DataFrame.from_dict(rows, orient="index").astype({"images": int, "lesions": int})
    frame.index = pd.MultiIndex.from_tuples(rows, names=["lesion type", "prediction"])
    return frame


def readable(figures: pd.DataFrame) -> pd.DataFrame:
    """The table of `table` as text for terminal and page: "61.3 % (45.0-75.2)", undefined figures as "NaN"."""
    text = pd.DataFrame(index=figures.index)
    for column in ("images", "lesions"):
        text[column] = figures[column].astype(str)
    for column in LEVELS:
        text[column] = [_percent(*ends) for ends in _ends(figures, column)]
    text["AP"] = [_number(value, "{:.3f}") for value in figures["AP"]]
    text["FROC"] = [_with_interval(*ends) for ends in _ends(figures, "FROC")]
    text["false positives / image"] = [_number(value, "{:.1f}") for value in figures["false positives / image"]]
    text["area"] = [_number(100 * value, "{:.2f} %") for value in figures["area"]]
    return text


BRIEF = {
    "image level": "image",
    "lesion level": "lesion",
    "lesion level, strict": "strict",
    "pixel level": "pixel",
    "pixel precision": "precision",
}


def brief(figures: pd.DataFrame) -> pd.DataFrame:
    """The table of `table` for a terminal of 80 columns: percentages without intervals, then AP and FROC."""
    text = figures[["images", "lesions"]].astype(str)
    for column, short in BRIEF.items():
        text[short] = [_number(100 * value, "{:.0f} %") for value in figures[column]]
    for column in ("AP", "FROC"):
        text[column] = [_number(value, "{:.2f}") for value in figures[column]]
    return text.rename(index={"explanation": "method"}, level="prediction")


def caption(summary: Summary, settings: SensitivitySettings) -> str:
    """What stands under the table: the consensus rule and the definition of every column."""
    rates = ", ".join(f"{rate:g}" for rate in RATES)
    left_out = ", ".join(
        f"{name.replace('_', ' ')} {one.counts.images_without}" for name, one in summary.types.items() if name != ANY
    )
    return (
        f"{summary.prediction.images} photographs; consensus '{settings.consensus}': "
        f"{CONSENSUS_TEXT[settings.consensus]}. "
        f"Predicted is evidence of at least {settings.fraction:.0%} of the photograph's maximum (and above "
        f"{settings.floor:g}) inside the field of view; its 8-connected regions are the predicted blobs. "
        "images, lesions: photographs that hold the lesion type, and its 8-connected annotated regions; photographs "
        f"without the type are left out of its row ({left_out}). "
        "image level: of these photographs, the share with at least one pixel of the type predicted. "
        "lesion level: share of the regions with at least one pixel predicted; strict: at least half of the region "
        "predicted, or touched by a blob whose centroid is within sqrt(area / pi) of the region's centroid. "
        "pixel level: share of the annotated pixels predicted. "
        "pixel precision: share of all predicted pixels annotated with the type. "
        "AP: pixel-level average precision of the evidence; its chance value is the type's share of the field of view. "
        f"FROC: mean share of the regions found at {rates} false positives per image; here a blob is the place of its "
        "largest evidence, taken by descending evidence: it finds the regions it lies in, and is a false positive if "
        "there is none; for the chance value the thrown blobs keep their evidence. "
        "false positives / image: blobs that touch no lesion of any type. area: share of the field of view predicted. "
        f"In brackets {settings.level:.0%} intervals: Wilson (image level), bootstrap over photographs (others). "
        f"chance: the same blobs, turned, mirrored and thrown at random inside the field of view, "
        f"{settings.chance_repetitions} times; mean, and the central 95 % of the repetitions. "
        "'any' is the union of the four types. NaN: undefined."
    )


def separation(summary: Summary) -> str:
    """`Summary.separation` as a sentence."""
    one = summary.separation
    auroc = _with_interval(one.auroc, one.interval.low, one.interval.high)
    return (
        f"p(RDR) tells {one.present} photographs with a lesion from {one.absent} without one with an AUROC of {auroc}"
    )


def write_page(
    path: Path, summary: Summary, settings: SensitivitySettings, pictures: Sequence[PictureRow] = ()
) -> None:
    """Write the report as one HTML file: table, caption, FROC curves, then the pictures row by row.

    Raises:
        InputError: a picture cannot be read, or the page cannot be written.
    """
    method = "; ".join(f"{key}: {_plain(value)}" for key, value in settings.method.items())
    sections = [
        "<h1>Lesion sensitivity</h1>",
        f"<p>{html.escape(method)}</p>" if method else "",
        f"<div class='wide'>{readable(table(summary)).to_html(escape=True, border=0)}</div>",
        f"<p class='caption'>{html.escape(caption(summary, settings))}</p>",
        f"<p>{html.escape(separation(summary))}</p>",
        "<h2>Sensitivity against false positives</h2>",
        f"<img alt='FROC curves' src='{_embedded(froc_png(summary), 'png')}'>",
        "<h2>Photographs</h2>" if pictures else "",
        *(_picture_row(row) for row in pictures),
        "<p class='caption'>Research software. Not a medical device.</p>",
    ]
    write_text(path, PAGE.format(body="\n".join(section for section in sections if section)))


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Lesion sensitivity</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }}
th, td {{ padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap }}
.wide {{ overflow-x: auto }}
.caption {{ color: #555; font-size: 13px }}
.row {{ display: flex; flex-wrap: wrap; gap: .5rem }}
figure {{ margin: 0 }}
figcaption {{ font-size: 12px; color: #555 }}
img {{ max-width: 100% }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _plain(value: Any) -> str:
    """A setting as a reader wants it: nested ones as "key value", without quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    return " ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)


def _picture_row(row: PictureRow) -> str:
    figures = "".join(
        f"<figure><img alt='' src='{_embedded(_thumbnail(picture), 'jpeg')}'>"
        f"<figcaption>{html.escape(label)}</figcaption></figure>"
        for label, picture in row.panels
    )
    return f"<h3>{html.escape(row.title)}</h3><div class='row'>{figures}</div>"


def _thumbnail(picture: Path | npt.NDArray[np.uint8]) -> bytes:
    pixels = read_image(picture).pixels if isinstance(picture, Path) else picture
    height, width = pixels.shape[:2]
    if width > PANEL_WIDTH:
        size = (PANEL_WIDTH, max(1, round(height * PANEL_WIDTH / width)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), quality)[1].tobytes()


def _embedded(picture: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def _with_ends(column: str, value: float, low: float, high: float) -> dict[str, float]:
    return {column: value, f"{column} low": low, f"{column} high": high}


def _percent(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "NaN"
    ends = "" if math.isnan(low) else f" ({100 * low:.1f}-{100 * high:.1f})"
    return f"{100 * value:.1f} %{ends}"


def _with_interval(value: float, low: float, high: float) -> str:
    ends = "" if math.isnan(low) else f" ({low:.3f}-{high:.3f})"
    return _number(value, "{:.3f}") + ends


def _ends(figures: pd.DataFrame, column: str) -> list[tuple[float, float, float]]:
    return list(zip(figures[column], figures[f"{column} low"], figures[f"{column} high"], strict=True))


def _number(value: float, form: str) -> str:
    return "NaN" if math.isnan(value) else form.format(value)


def _type_of(one: TypeSummary) -> dict[str, Any]:
    return {
        "counts": asdict(one.counts),
        "figures": _figures(one.figures),
        "average_precision": one.average_precision,
        "average_precision_of_chance": one.prevalence,
        "froc": _froc_of(one.froc),
    }


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: asdict(figure) for name, figure in figures.items()}


def _froc_of(one: FrocSummary) -> dict[str, Any]:
    """Figures, and the curve's corners: of one sensitivity's points that with the fewest false positives; the end."""
    curve = one.curve
    corners = np.flatnonzero(np.diff(curve.sensitivity, prepend=-1.0) > 0).tolist()
    if len(curve.sensitivity):
        corners = sorted({*corners, len(curve.sensitivity) - 1})
    return {
        "rates": list(RATES),
        "sensitivity_at_rates": list(one.at_rates),
        "chance_at_rates": [chance for chance, _ in one.chance_at_rates],
        "chance_intervals_at_rates": [asdict(interval) for _, interval in one.chance_at_rates],
        "mean": asdict(one.mean),
        "false_positives_per_image": curve.false_positives_per_image[corners].tolist(),
        "sensitivity": curve.sensitivity[corners].tolist(),
    }


def _image_of(image: ImageResult) -> dict[str, Any]:
    return {
        "name": image.name,
        "sha256": image.sha256,
        "score": image.score,
        "outside_pixels": image.outside_pixels,
        "prediction": asdict(image.prediction),
        "lesion_types": {name: asdict(counts) for name, counts in image.types.items()},
    }
