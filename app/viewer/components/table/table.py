"""A table of which one row can be chosen, with mouse or keys. Texts are shown as texts, whatever they contain.

Streamlit's own table is drawn on a canvas that no screen reader can read, and Python cannot set its selection, which a
table that is linked to a picture needs.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from retina_xai.app.viewer.components.component import client_component

_table = client_component(Path(__file__).parent)


@dataclass(frozen=True)
class Column:
    """The head of a column; numbers are aligned to the right."""

    label: str
    numeric: bool = False


@dataclass(frozen=True)
class TableRow:
    """A row: `id` comes back when it is chosen. `tone`: refer, struck or failed. `name` is shown on hovering.

    `picture` is the address of a small picture before the first cell. A heading with the text of `group` comes before
    the first of the rows that have one and the same.
    """

    id: str
    cells: tuple[str, ...]
    tone: str = ""
    name: str = ""
    picture: str = ""
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A table. `label` is its name for screen readers. Beyond `height`, a CSS length, it scrolls; with
    height "" it is as high as its rows and scrolls with the page.

    `opens` says that its rows open photographs and their ids are keys of photographs.
    """

    label: str
    columns: Sequence[Column]
    rows: Sequence[TableRow]
    selected: str | None = None
    height: str = "20rem"
    opens: bool = False


def show_table(table: Table, key: str, on_chosen: Callable[[str], None]) -> None:
    """Show a table; `on_chosen` is called with the id of a chosen row, before the script runs again."""

    def take() -> None:
        chosen = chosen_in(st.session_state[key].get("chosen"), table)
        if chosen is not None:
            on_chosen(chosen)

    _table(key=key, data=asdict(table), on_chosen_change=take)


def chosen_in(message: object, table: Table) -> str | None:
    """A message from the browser, if it is the id of a row."""
    return message if isinstance(message, str) and any(row.id == message for row in table.rows) else None
