"""Texts from files and readers on a page: Streamlit reads Markdown, so what they hold is escaped first."""

import math
import re
from collections.abc import Sequence

SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")
SPACES = re.compile(r"\s+")


def plain(text: str) -> str:
    """A text that Markdown shows as it is: no link, no picture, no markup; runs of white space are one space."""
    return SPECIAL.sub(r"\\\1", SPACES.sub(" ", text).strip())


def number(value: float | None, form: str = ".3f") -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:{form}}"


def damage_line(damaged: Sequence[int]) -> str:
    """The line about damaged rows of the store."""
    numbers = ", ".join(map(str, damaged))
    return (
        f"The store of readings is damaged: number {numbers} cannot be read and is left out. "
        "The file keeps it as it is, and all others are used; to get it back, end the viewer and restore a backup."
    )
