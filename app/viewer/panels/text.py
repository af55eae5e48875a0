"""Texts from files and readers on a page: Streamlit reads Markdown, so what they hold is escaped first."""

import math
import re

SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")
SPACES = re.compile(r"\s+")


def plain(text: str) -> str:
    """A text that Markdown shows as it is: no link, no picture, no markup; runs of white space are one space."""
    return SPECIAL.sub(r"\\\1", SPACES.sub(" ", text).strip())


def number(value: float | None, form: str = ".3f") -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:{form}}"
