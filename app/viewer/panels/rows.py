"""A table of which one row can be chosen, with mouse or keys; texts are shown as texts, whatever they hold.

Streamlit's own table is drawn on a canvas that no screen reader reads, and its selection cannot be set from Python,
which a table linked to a picture needs.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from retina_xai.app.viewer.components.component import client_component

CLIENT = Path(__file__).parent / "client"

_rows = client_component(
    "retina_xai_rows", html=[CLIENT / "rows.html"], css=[CLIENT / "rows.css"], js=[CLIENT / "rows.js"]
)


@dataclass(frozen=True)
class Column:
    """The head of a column; numbers stand at its right."""

    label: str
    numeric: bool = False


@dataclass(frozen=True)
class TableRow:
    """A row: `id` comes back when it is chosen. `tone`: refer, struck or failed. `name` is shown on hovering."""

    id: str
    cells: tuple[str, ...]
    tone: str = ""
    name: str = ""


@dataclass(frozen=True)
class Table:
    """A table; `label` is read out, `height` is a CSS length beyond which it scrolls."""

    label: str
    columns: Sequence[Column]
    rows: Sequence[TableRow]
    selected: str | None = None
    height: str = "20rem"


def show_rows(table: Table, key: str, on_chosen: Callable[[str], None]) -> None:
    """Show a table; `on_chosen` is called with the id of a row that was chosen, before the page is made anew."""

    def heard() -> None:
        chosen = chosen_in(st.session_state[key].get("chosen"), table)
        if chosen is not None:
            on_chosen(chosen)

    _rows(key=key, data=asdict(table), on_chosen_change=heard)


def chosen_in(message: object, table: Table) -> str | None:
    """A message from the browser, if it is the id of a row."""
    return message if isinstance(message, str) and any(row.id == message for row in table.rows) else None
