"""The report as one HTML page: table, caption, FROC curves and pictures (template: report.html.j2).

The page contains its pictures (base64), needs no other file, no script and no network. Jinja2 escapes all texts.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from jinja2 import Environment, StrictUndefined

from retina_xai.evaluation.lesions.froc_plot import froc_png
from retina_xai.evaluation.lesions.report import LesionReport
from retina_xai.evaluation.lesions.report_table import caption, disputed, readable, separation, table
from retina_xai.evaluation.tables import TextTable
from retina_xai.io.files import write_text
from retina_xai.io.images import read_image

PANEL_WIDTH = 480


@dataclass(frozen=True)
class PictureRow:
    """Pictures of one photograph side by side: each a label and an image file or (H, W, 3) uint8 pixels."""

    title: str
    panels: Sequence[tuple[str, Path | npt.NDArray[np.uint8]]]


def write_page(path: Path, report: LesionReport, pictures: Sequence[PictureRow] = ()) -> None:
    """Write the page.

    Raises:
        InputError: a picture cannot be read, or the page cannot be written.
    """
    template = files("retina_xai.evaluation.lesions") / "report.html.j2"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(template.read_text(encoding="utf-8")).render(
        dataset=report.dataset,
        settings={key: _plain(value) for key, value in report.settings.method.items()},
        table=TextTable.of(readable(table(report.summary))),
        caption=caption(report),
        separation=separation(report.summary),
        disputed=disputed(report.summary),
        curves=_embedded(froc_png(report.summary), "png"),
        rows=[
            (row.title, [(label, _embedded(_thumbnail(picture), "jpeg")) for label, picture in row.panels])
            for row in pictures
        ],
    )
    write_text(path, page)


def _plain(value: Any) -> str:
    """A setting as text: nested ones as "key value", without quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    return " ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)


def _thumbnail(picture: Path | npt.NDArray[np.uint8]) -> bytes:
    pixels = picture if isinstance(picture, np.ndarray) else read_image(picture).pixels
    height, width = pixels.shape[:2]
    if width > PANEL_WIDTH:
        size = (PANEL_WIDTH, max(1, round(height * PANEL_WIDTH / width)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), quality)[1].tobytes()


def _embedded(picture: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
