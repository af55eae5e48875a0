"""Colours and styles of lines on the canvas. The colours are those of `retina_xai.drawing`.

Colour, dash and marker all differ between types of lesions, so that a reader needs none of them alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from retina_xai.drawing import CANDIDATE_COLOUR, DISC_COLOUR, LESION_COLOURS, SELECTED_COLOUR, casing_of
from retina_xai.lesions.annotation import ANNOTATION_TYPES, UNSPECIFIED

LINE_STYLES: Mapping[str, tuple[Sequence[int], str]] = {
    "haemorrhages": ((9, 4), "circle"),
    "hard_exudates": ((), "square"),
    "soft_exudates": ((9, 3, 2, 3), "diamond"),
    "red_small_dots": ((2, 3), "triangle"),
    UNSPECIFIED: ((15, 3), "bar"),
}
"""Dashes (CSS pixels drawn, left out, drawn ...) and marker (MARKERS in styles.js) of each type of lesions."""


DISC_DASH = (3, 5)


def palette() -> dict[str, Any]:
    """What the browser needs to draw lines, see `Palette` in styles.js."""
    return {
        "lesions": {name: _lesion_style(name) for name in ANNOTATION_TYPES},
        "candidate": _line_style(CANDIDATE_COLOUR),
        "selected": _line_style(SELECTED_COLOUR),
        "disc": _line_style(DISC_COLOUR, DISC_DASH),
    }


def _lesion_style(lesion_type: str) -> dict[str, Any]:
    dash, marker = LINE_STYLES[lesion_type]
    label = lesion_type.replace("_", " ").capitalize()
    return {**_line_style(LESION_COLOURS[lesion_type], dash), "label": label, "marker": marker}


def _line_style(colour: tuple[int, int, int], dash: Sequence[int] = ()) -> dict[str, Any]:
    return {"colour": _css(*colour), "casing": _css(*casing_of(colour)), "dash": list(dash)}


def _css(*colour: int) -> str:
    """A colour of three or, with opacity, four values in 0-255."""
    return "#" + "".join(f"{value:02x}" for value in colour)
