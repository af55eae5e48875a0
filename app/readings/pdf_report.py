"""The report of one reading as a PDF that can be filed: a page for the eye, and a technical appendix.

The page holds quality, the finding of the reader and what follows from it, that of the system, the comment, and the
photograph beside the evidence. The appendix holds every lesion that the reader reviewed, with a table that says whose
it is; the weights, the method and the versions that reproduce the result. Candidates have the numbers of the viewer,
lesions that the reader drew the names D1, D2, ... The table holds at most `ROWS` lesions, drawn ones and high scores
first, and counts the others; the pictures outline all that were not rejected.

Reports of the same reading with the same pictures and `made` time are the same file. A report of a reading that
`export.deidentified` returned names neither patient nor reader.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from retina_xai.app.readings.compose import EDITED
from retina_xai.app.readings.finding_text import READER_DECISIONS, advice_of, finding_line
from retina_xai.app.readings.model import MARKS, Reading
from retina_xai.app.readings.pdf_sheet import DARK, GREY, PALE, SMALL, Sheet
from retina_xai.drawing import LESION_COLOURS
from retina_xai.errors import UsageError
from retina_xai.fundus.retinal_scale import RetinalScale, marked_scale
from retina_xai.lesions.annotation import Annotation

TITLE = "Reading of a fundus photograph"
TITLE_WITHOUT_READER = "Findings of an algorithm"
APPENDIX = "Technical appendix"
ROWS = 40
PREFIX = 16
GAP = 4.0
HIGHEST_PAIR, HIGHEST_SINGLE = 100.0, 125.0
HALO = (20, 20, 20)
EVIDENCE = "Evidence for the score: blue-green little, white most"
MARK_WITHOUT_READER = "found by the system"
SIZE = "size"
COLUMNS = {"No.": 12, "type": 30, "mark": 86, "size": 26, "score": 14, "effect": 14}

ESTIMATED_SCALE = (
    "DD: disc diameters, estimated. The optic disc is taken for a seventh of the field of view, as in a camera of 45 "
    "degrees; it can be a third off."
)
MARKED_SCALE = "DD: diameters of the optic disc that the reader marked, {:.0f} pixels."
NO_SCALE = "Sizes are not known: the file has no pixel spacing, and no field of view was found."


@dataclass(frozen=True, eq=False)
class Report:
    """What a report is made of.

    `photograph` and `overlay` (H, W, 3) uint8 RGB of the reading's width and height; `overlay` is None where nothing
    was explained. `run` is `records.run_facts` of the weights and method. `made` has a time zone. Without `by_reader`
    no person has read the photograph, and the report says nothing of a reader. `scale` is that of the file or an
    estimated one; sizes are in diameters of a disc that the reader marked instead of estimated ones. Without any, the
    report shows no sizes.
    """

    reading: Reading
    photograph: np.ndarray
    overlay: np.ndarray | None
    run: Mapping[str, Any]
    made: datetime
    by_reader: bool = True
    scale: RetinalScale | None = None


def pdf_bytes(report: Report) -> bytes:
    """A report as the bytes of a PDF file.

    Raises:
        UsageError: pictures of another size than the photograph read, or facts of other weights.
    """
    _check(report)
    reading = report.reading
    title = TITLE if report.by_reader else TITLE_WITHOUT_READER
    sheet = Sheet(title, f"Image {reading.image.sha256[:PREFIX]}", report.made)
    _write_decisions(sheet, reading, report.by_reader)
    lesions = sorted(reading.reviewed if report.by_reader else reading.lesions, key=_rank)
    names = _names(lesions)
    _write_pictures(sheet, report, names)
    if report.by_reader and reading.lesions:
        _write_counts(sheet, lesions, reading.not_reviewed)
    sheet.add_page()
    sheet.heading(APPENDIX)
    sheet.fact("Image SHA-256", reading.image.sha256, SMALL)
    if lesions:
        _write_lesions(sheet, report, names)
    _write_model(sheet, report)
    if sheet.unknown:
        sheet.ln(2)
        sheet.style(SMALL, colour=GREY)
        sheet.multi_cell(0, 4, "\ufffd: a character that this report's font lacks; the exports hold the texts whole.")
    return bytes(sheet.output())


def _write_decisions(sheet: Sheet, reading: Reading, by_reader: bool) -> None:
    image, verdict = reading.image, reading.verdict
    sheet.fact("Image quality", verdict.gradability.verdict, 11, bold=True)
    if verdict.gradability.reason:
        sheet.fact("", verdict.gradability.reason)
    sheet.ln(1)
    sheet.fact("System", verdict.decision, 14, bold=True)
    sheet.fact(
        "", f"score {verdict.score:.3f}, threshold {verdict.threshold:.3f}; a score is not a probability of disease"
    )
    sheet.ln(1)
    if by_reader:
        _write_opinion(sheet, reading)
    else:
        sheet.fact("Reader", "not read by a person")
    sheet.ln(1)
    sheet.fact("File", f"{image.name} ({image.width} x {image.height} pixels)")


def _write_opinion(sheet: Sheet, reading: Reading) -> None:
    """Finding, agreement, name, time and comment of the reader."""
    sheet.fact("Reader", finding_line(reading), 14 if reading.finding else 11, bold=True)
    if reading.finding:
        sheet.fact("", READER_DECISIONS[reading.decision])
    sheet.fact("", reading.reader)
    sheet.fact("", f"{reading.time.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    sheet.ln(1)
    sheet.fact("Advice", advice_of(reading), bold=True)
    sheet.fact("Comment", reading.comment or "(none)")


def _write_pictures(sheet: Sheet, report: Report, names: Mapping[str, Annotation]) -> None:
    """The photograph with the outlines, and the evidence beside it."""
    width = (sheet.epw - GAP) / 2
    height, columns = report.photograph.shape[:2]
    sheet.heading("Photograph and evidence", following=min(width * height / columns, HIGHEST_PAIR) + 12)
    right = sheet.l_margin + width + GAP
    drawn = _draw_lesions(sheet, report, names, (sheet.l_margin, width, HIGHEST_PAIR))
    if report.overlay is not None:
        sheet.picture(report.overlay, right, width, HIGHEST_PAIR, "Photograph with evidence")
    below = sheet.get_y() + drawn + 1
    told = EVIDENCE if report.overlay is not None else "No evidence was computed"
    sheet.style(SMALL, colour=GREY)
    for x, caption in ((sheet.l_margin, "Photograph"), (right, told)):
        sheet.set_xy(x, below)
        sheet.cell(w=width, h=4, text=caption)
    sheet.set_xy(sheet.l_margin, below + 5)


def _write_lesions(sheet: Sheet, report: Report, names: Mapping[str, Annotation]) -> None:
    height, columns = report.photograph.shape[:2]
    drawn = min(sheet.epw * height / columns, HIGHEST_SINGLE)
    heading = "Lesions that the reader reviewed" if report.by_reader else "Lesion candidates of the algorithm"
    sheet.heading(heading, following=drawn + 12)
    width = min(sheet.epw, HIGHEST_SINGLE * columns / height)
    left = sheet.l_margin + (sheet.epw - width) / 2
    drawn = _draw_lesions(sheet, report, names, (left, width, HIGHEST_SINGLE))
    sheet.set_xy(sheet.l_margin, sheet.get_y() + drawn + 1)
    disc = report.reading.disc
    scale = report.scale if disc is None else marked_scale(report.scale, 2 * disc.radius)
    _write_table(sheet, dict([*names.items()][:ROWS]), replace(report, scale=scale))
    _write_scale(sheet, scale)
    if len(names) > ROWS:
        sheet.style(SMALL, colour=GREY)
        sheet.multi_cell(
            0, 5, f"and {len(names) - ROWS} more: see the CSV or JSON export", new_x="LMARGIN", new_y="NEXT"
        )


def _names(lesions: Sequence[Annotation]) -> dict[str, Annotation]:
    """The lesions by the names that the pictures and the table give them: candidates have their number in the viewer,
    which is in their id; those without one are C1, C2, ..., and lesions that the reader drew D1, D2, ...
    """
    names: dict[str, Annotation] = {}
    others = Counter[str]()
    for lesion in lesions:
        number = lesion.id.removeprefix(EDITED)
        if lesion.origin == "candidate" and number.isdecimal() and number not in names:
            names[number] = lesion
            continue
        letter = "C" if lesion.origin == "candidate" else "D"
        others[letter] += 1
        names[f"{letter}{others[letter]}"] = lesion
    return names


def _draw_lesions(
    sheet: Sheet, report: Report, names: Mapping[str, Annotation], place: tuple[float, float, float]
) -> float:
    """The photograph with all outlines, those of the table named, at the current y; returns its height.

    `place`: left, width and greatest height.
    """
    columns, rows = report.photograph.shape[1], report.photograph.shape[0]
    left, top = place[0], sheet.get_y()
    width, height = sheet.picture(report.photograph, *place, "Photograph with outlines of lesions")
    scale = width / columns
    outlines = {
        name: lesion.shape.outline.within(columns, rows) for name, lesion in names.items() if lesion.status != "deleted"
    }
    named = [*names][:ROWS]
    for name, outline in outlines.items():
        colour, thickness = LESION_COLOURS[names[name].type], 0.4 if name in named else 0.2
        for ring in outline.rings:
            on_sheet = [(left + (x + 0.5) * scale, top + (y + 0.5) * scale) for x, y in ring]
            _draw_outline(sheet, on_sheet, colour, thickness)
    for name, outline in outlines.items():
        if name in named:
            _, upper, right, _ = outline.box
            corner = left + (right + 0.5) * scale, max(top + 2.6, top + (upper + 0.5) * scale)
            _draw_name(sheet, name, corner, left + width)
    sheet.set_xy(sheet.l_margin, top)
    return height


def _draw_outline(
    sheet: Sheet, corners: list[tuple[float, float]], colour: tuple[int, int, int], thickness: float
) -> None:
    """In its colour with a dark rim, so that it shows on any ground; `thickness` in mm."""
    for width, shade in ((2.25 * thickness, HALO), (thickness, colour)):
        sheet.set_line_width(width)
        sheet.set_draw_color(*shade)
        sheet.polygon(corners, style="D")


def _draw_name(sheet: Sheet, name: str, corner: tuple[float, float], end: float) -> None:
    """On a dark ground, whose lower left corner is given; it ends at `end` at the latest."""
    sheet.style(6.5, bold=True, colour=(255, 255, 255))
    width = sheet.get_string_width(name) + 0.8
    x, y = min(corner[0], end - width), corner[1]
    with sheet.local_context(fill_opacity=0.65):
        sheet.set_fill_color(*HALO)
        sheet.rect(x, y - 2.6, width, 2.8, style="F")
    sheet.text(x + 0.4, y - 0.4, name)


def _write_counts(sheet: Sheet, lesions: list[Annotation], not_reviewed: int) -> None:
    """How many of each type are left, in its colour, how many were rejected, and how many were not reviewed."""
    left = [lesion.type for lesion in lesions if lesion.status != "deleted"]
    for name in dict.fromkeys(left):
        sheet.set_fill_color(*LESION_COLOURS[name])
        sheet.set_draw_color(*HALO)
        sheet.set_line_width(0.2)
        sheet.rect(sheet.get_x(), sheet.get_y() + 1.2, 2.6, 2.6, style="DF")
        sheet.style(SMALL)
        text = f"{_words(name)} {left.count(name)}"
        sheet.set_x(sheet.get_x() + 3.6)
        sheet.cell(w=sheet.get_string_width(text) + 4, h=5, text=text)
    sheet.style(SMALL, colour=GREY)
    text = f"rejected {len(lesions) - len(left)}; candidates of the system that were not reviewed: {not_reviewed}"
    sheet.cell(h=5, text=text, new_x="LMARGIN", new_y="NEXT")
    sheet.ln(1)


def _write_table(sheet: Sheet, names: Mapping[str, Annotation], report: Report) -> None:
    sheet.style(SMALL)
    sheet.set_draw_color(*PALE)
    sheet.set_fill_color(255)
    sheet.set_line_width(0.2)
    table = sheet.table(
        col_widths=tuple(COLUMNS.values()),
        borders_layout="HORIZONTAL_LINES",
        line_height=4.2,
        text_align=("RIGHT", "LEFT", "LEFT", "RIGHT", "RIGHT", "RIGHT"),
        padding=(0.4, 1.5),
    )
    with table as rows:
        unit = "" if report.scale is None else f" ({report.scale.unit})"
        rows.row(tuple(f"{name}{unit}" if name == SIZE else name for name in COLUMNS))
        for name, lesion in names.items():
            sheet.set_text_color(*(GREY if lesion.status == "deleted" else DARK))
            rows.row(_cells(name, lesion, report))


def _write_scale(sheet: Sheet, scale: RetinalScale | None) -> None:
    """What the sizes of the table rest on."""
    if scale is not None and not (scale.estimated or scale.marked):
        return
    text = NO_SCALE
    if scale is not None:
        text = MARKED_SCALE.format(1 / scale.across) if scale.marked else ESTIMATED_SCALE
    sheet.style(SMALL, colour=GREY)
    sheet.multi_cell(0, 4, text, new_x="LMARGIN", new_y="NEXT")


def _write_model(sheet: Sheet, report: Report) -> None:
    model, method = report.run["model"], report.run["method"]
    explanation = {"method": method["name"], **method["settings"]}
    settings = {name: value for name, value in report.reading.settings.items() if value != explanation}
    sheet.heading("Model and method", following=34)
    sheet.facts(
        [
            ("Network", f"{model['architecture']}, width {model['width']:g}, classes {', '.join(model['classes'])}"),
            ("Weights SHA-256", model["sha256"][:PREFIX]),
            ("Preprocessing", _listed(model["preprocessing"])),
            ("Threshold", f"{model['threshold']:.3f} stored with the weights"),
            ("Explanation", _listed(explanation)),
            ("Settings", _listed(settings) or "none recorded"),
            ("Versions", ", ".join(f"{name} {number}" for name, number in report.run["versions"].items())),
        ]
    )


def _cells(name: str, lesion: Annotation, report: Report) -> list[str]:
    """A row of the table; where a lesion is, the names in the pictures say."""
    scale = report.scale
    mark = MARKS.get((lesion.origin, lesion.status), lesion.origin) if report.by_reader else MARK_WITHOUT_READER
    return [
        name,
        _words(lesion.type),
        mark,
        "" if scale is None else " x ".join(f"{side:.2f}" for side in scale.size(lesion.shape.box)),
        "" if lesion.score is None else f"{lesion.score:.3f}",
        "" if lesion.effect is None else f"{lesion.effect:.2f}",
    ]


def _rank(lesion: Annotation) -> tuple[bool, float]:
    """Deleted ones last; drawn ones, which have no score, before candidates; high scores first."""
    return lesion.status == "deleted", -2.0 if lesion.score is None else -lesion.score


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{_words(name)} {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    """A setting without quotes and brackets; fractions to six digits."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return f"({_listed(value)})"
    return " ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _check(report: Report) -> None:
    image = report.reading.image
    for what, pixels in (("photograph", report.photograph), ("overlay", report.overlay)):
        if pixels is not None and (pixels.shape != (image.height, image.width, 3) or pixels.dtype != np.uint8):
            raise UsageError(
                f"{what} of shape {pixels.shape} and type {pixels.dtype}: "
                f"the reading is of ({image.height}, {image.width}, 3) uint8; give the photograph that was read"
            )
    if report.run["model"]["sha256"] != report.reading.model_sha256:
        raise UsageError("facts of other weights than the reading's: give run_facts of the weights that were used")
