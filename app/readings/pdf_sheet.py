"""A4 sheets with the typography of the reports: head, foot, headings, rows of facts, pictures.

The font is DejaVu Sans of matplotlib: Latin, Greek, Cyrillic, Hebrew, and Arabic with unjoined letters. A character
that the font lacks, and every control character, is shown as U+FFFD and counted in `unknown`, so that the report can
mention it. Invisible formatting characters, which can reverse a text, are removed. Text is never parsed as markup.
"""

import io
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import numpy as np
from fpdf import FPDF
from fpdf.bidi import BidiParagraph
from fpdf.enums import MethodReturnValue
from fpdf.fonts import TTFFont
from PIL import Image

from retina_xai import __version__

FONT = "DejaVu"
FACES = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
UNKNOWN = "\ufffd"
MARGIN = 14.0
LABEL_WIDTH = 36.0
BODY, SMALL, LINE = 9.0, 7.5, 4.6
DARK, GREY, PALE = (25, 30, 40), (95, 100, 110), (205, 208, 214)
PIXELS_PER_MM = 8.0
"""Of pictures, at most: 203 pixels per inch."""

PAGES = "{pages\u200b}"
"""Placeholder of the number of pages; contains an invisible character that `shown` removes from all other texts."""

NOTICE = "Research use only. Not a medical device; not for diagnosis."


class Sheet(FPDF):
    """A document with `title` at the head of its first page and `mark` (its subject) at the foot of each page."""

    def __init__(self, title: str, mark: str, made: datetime) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self.mark, self.unknown = mark, 0
        for style, file in FACES.items():
            self.add_font(FONT, style, _font_folder() / file)
        self.set_margins(MARGIN, MARGIN)
        self.c_margin = 0
        self.alias_nb_pages(PAGES)
        self.set_auto_page_break(True, margin=MARGIN + 6)
        self.set_creation_date(made.astimezone(UTC))
        self.set_title(title)
        self.set_lang("en")
        self.set_creator(f"retina-xai {__version__}")
        self.add_page()
        self.style(16, bold=True)
        self.cell(w=self.epw - 50, h=8, text=title)
        self.style(BODY, colour=GREY)
        self.cell(
            w=50, h=8, text=f"{made.astimezone(UTC):%Y-%m-%d %H:%M} UTC", align="R", new_x="LMARGIN", new_y="NEXT"
        )
        self.style(BODY, bold=True, colour=GREY)
        self.cell(h=5.5, text=NOTICE, new_x="LMARGIN", new_y="NEXT")
        self.rule(1.5)

    def footer(self) -> None:
        """Notice, mark and page number."""
        self.set_y(-MARGIN)
        self.style(SMALL, colour=GREY)
        self.cell(h=4, text=f"{NOTICE}  {self.mark}  Page {self.page_no()} of {PAGES}")

    def style(self, size: float, *, bold: bool = False, colour: tuple[int, int, int] = DARK) -> None:
        """Set font size in points, weight and colour."""
        self.set_font(FONT, "B" if bold else "", size)
        self.set_text_color(*colour)

    def rule(self, space: float) -> None:
        """Draw a line over the width of the sheet with `space` mm above and below."""
        self.set_draw_color(*PALE)
        self.set_line_width(0.2)
        self.ln(space)
        self.line(self.l_margin, self.get_y(), self.l_margin + self.epw, self.get_y())
        self.ln(space)

    def heading(self, text: str, following: float = 20) -> None:
        """A heading that stays with the `following` mm below it."""
        if self.will_page_break(10 + following):
            self.add_page()
        self.ln(2)
        self.style(11, bold=True)
        self.cell(h=7, text=text, new_x="LMARGIN", new_y="NEXT")

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Rows of a grey label and a text that may run over several lines and pages."""
        for label, text in rows:
            self.fact(label, text)

    def fact(self, label: str, text: str, size: float = BODY, *, bold: bool = False) -> None:
        """One row of `facts`, its text larger or bold."""
        height = LINE * size / BODY
        if self.will_page_break(height):
            self.add_page()
        self.style(BODY, colour=GREY)
        self.cell(w=LABEL_WIDTH, h=height, text=label)
        self.style(size, bold=bold)
        left = self.l_margin + LABEL_WIDTH
        width = self.epw - LABEL_WIDTH
        for line in self._lines(self.shown(text), width):
            self.set_x(left)
            self.cell(w=width, h=height, text=_visual(line), new_x="LMARGIN", new_y="NEXT")

    def _lines(self, text: str, width: float) -> list[str]:
        """The text broken into lines of at most `width` mm in the current font."""
        lines = self.multi_cell(w=width, text=text, align="L", dry_run=True, output=MethodReturnValue.LINES)
        return [str(line) for line in lines] if isinstance(lines, list) else [text]

    def shown(self, text: str) -> str:
        """The text with the characters of this font; counts those that were replaced."""
        whole = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
        visible = [character for character in whole if unicodedata.category(character) != "Cf"]
        shown = [character if character == "\n" or self._known(character) else UNKNOWN for character in visible]
        self.unknown += shown.count(UNKNOWN)
        return "".join(shown)

    def _known(self, character: str) -> bool:
        """Whether all faces have a glyph for a character and it is not a control character."""
        has_glyph = all(ord(character) in font.cmap for font in self.fonts.values() if isinstance(font, TTFFont))
        return has_glyph and unicodedata.category(character) != "Cc"

    def picture(self, pixels: np.ndarray, x: float, width: float, highest: float, alt: str) -> tuple[float, float]:
        """Draw pixels (H, W, 3) uint8 at x and the current y, at most `width` x `highest` mm; returns width and height.

        The current y does not change.
        """
        height = min(width * pixels.shape[0] / pixels.shape[1], highest)
        width = height * pixels.shape[1] / pixels.shape[0]
        self.image(_jpeg(pixels, width), x=x, y=self.get_y(), w=width, h=height, alt_text=alt)
        return width, height


def _jpeg(pixels: np.ndarray, width: float) -> io.BytesIO:
    """The pixels as JPEG, scaled down to at most `PIXELS_PER_MM` over a width in mm."""
    columns = max(1, min(pixels.shape[1], round(width * PIXELS_PER_MM)))
    rows = max(1, round(pixels.shape[0] * columns / pixels.shape[1]))
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((columns, rows), Image.Resampling.BOX).save(stream, format="JPEG", quality=90)
    stream.seek(0)
    return stream


def _visual(line: str) -> str:
    """A line in visual order: Hebrew and Arabic run from right to left (Unicode annex 9)."""
    runs_left = any(unicodedata.bidirectional(character) in {"R", "AL"} for character in line)
    return BidiParagraph(line).get_reordered_string() if runs_left else line


def _font_folder() -> Path:
    return Path(mpl.get_data_path()) / "fonts" / "ttf"
