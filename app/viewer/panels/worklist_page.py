"""The worklist page: uploads, scoring in the background, filters, and the table from which a photograph is opened."""

from collections import Counter
from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from retina_xai.app.readings.finding_text import finding_line
from retina_xai.app.readings.model import newest
from retina_xai.app.viewer.components.table.table import Column, Table, TableRow, show_table
from retina_xai.app.viewer.panels.header_panel import kept, reader_input
from retina_xai.app.viewer.panels.history_panel import show_exports
from retina_xai.app.viewer.panels.progress_panel import POLL
from retina_xai.app.viewer.panels.text import damage_line, number, plain
from retina_xai.app.viewer.server import MAX_UPLOAD_SIZE
from retina_xai.app.viewer.services import Services, services
from retina_xai.app.viewer.session import Session, session
from retina_xai.app.viewer.worklist import (
    ALL,
    CHOICES,
    FAILED,
    NOT_SCORED,
    ORDERS,
    SAMPLE,
    STATES,
    Filter,
    Order,
    Row,
    arranged,
    rows_of,
)
from retina_xai.errors import OutputError
from retina_xai.io.images import SUFFIXES
from retina_xai.verdict import NO_REFERABLE_DR, NOT_SURE, REFER, UNGRADABLE

COLUMNS = (
    Column("photograph"),
    Column("eye"),
    Column("decision"),
    Column("score", True),
    Column("quality"),
    Column("your finding"),
    Column("remark"),
)
SIGNS = {REFER: "▲", NOT_SURE: "?", NO_REFERABLE_DR: "○", UNGRADABLE: "◇", FAILED: "✕"}
NEW = "new"
HEADINGS = {
    REFER: "Refer",
    NOT_SURE: "Not sure: grade these yourself",
    UNGRADABLE: "Ungradable",
    NO_REFERABLE_DR: "No referable DR found",
    NOT_SCORED: "Not scored yet",
    FAILED: "Cannot be read",
    NEW: "New: not in the order yet",
}
"""Of the groups."""

MAX_UPLOADS = 200
MAX_ROWS = 5000


def page() -> None:
    """The page."""
    state, served = session(), services()
    _show_bar(state)
    if damaged := served.index.damaged:
        st.warning(damage_line(damaged))
    upload, export = st.columns(2)
    with upload:
        _show_upload(state)
    state.collect()
    if not state.stopped:
        state.score(state.items(served).values(), served)
    rows = worklist(state, served)
    if not rows:
        st.info("No photograph yet: upload some, or start the viewer with a folder (retina-xai view FOLDER).")
        return
    if not state.scoring:
        served.scores.flush()
    st.fragment(_show_scoring, run_every=POLL if state.scoring else None)(state)
    with export:
        _show_export(state, rows, served)
    counts = st.empty()
    _choose_filter(state, st.columns([3, 2, 2, 2]))
    kept_rows = [row for row in rows if state.filter.keeps(row)]
    counts.markdown(plain(_counts(rows, len(kept_rows), served)))
    _offer_order(state, rows)
    _show_table(state, kept_rows, served)


def worklist(state: Session, served: Services) -> list[Row]:
    """All rows in their order, which stays while scores come in and when a photograph has been opened."""
    model = served.classifier.sha256
    own = {one.image.sha256: finding_line(one) for one in newest(state.readings(served)) if one.model_sha256 == model}
    rows = rows_of(state.items(served).values(), state.scored, own)
    if not state.order.keys or (state.current is None and not state.scoring):
        state.order = ORDERS[state.sorting](rows)
    return arranged(rows, state.order.keys)


def listed_keys(state: Session, served: Services) -> list[str]:
    """Keys of the rows that the filter keeps, in order."""
    return [row.item.key for row in worklist(state, served) if state.filter.keeps(row)]


def _show_bar(state: Session) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Worklist** – a click, or arrow keys and Enter, opens a photograph", width="stretch")
        reader_input(state)


def _show_upload(state: Session) -> None:
    with st.expander("Upload photographs", expanded=not services().folder.items):
        kinds = ", ".join(sorted(suffix.lstrip(".").upper() for suffix in SUFFIXES))
        files = st.file_uploader(
            f"{kinds}; at most {MAX_UPLOAD_SIZE} MB each, kept for this session only",
            accept_multiple_files=True,
            key="uploads",
            max_upload_size=MAX_UPLOAD_SIZE,
        )
        for file in (files or [])[:MAX_UPLOADS]:
            if file.file_id not in state.taken:
                state.taken.add(file.file_id)
                _take_upload(state, file.name, file.getvalue())
        if len(files or []) > MAX_UPLOADS:
            st.warning(
                f"{len(files or [])} files: the first {MAX_UPLOADS} were taken; upload the others in a new session"
            )


def _show_export(state: Session, rows: Sequence[Row], served: Services) -> None:
    with st.expander("Export all my readings"):
        hashes = {row.scored.sha256 for row in rows if row.scored}
        stored = any(one.image.sha256 in hashes for one in state.readings(served))
        show_exports(stored, lambda: state.whole_readings(hashes, served), "all", served)


def _take_upload(state: Session, name: str, content: bytes) -> None:
    try:
        state.score(state.upload(name, content), services())
    except OutputError as error:
        st.error(plain(str(error)))


def _counts(rows: Sequence[Row], shown: int, served: Services) -> str:
    """How many there are, of which kinds, and how many of them are listed."""
    read = sum(bool(row.own) for row in rows)
    refer = sum(row.decision == REFER for row in rows)
    sample = sum(row.sample for row in rows)
    line = f"{len(rows)} photographs: {refer} to refer, {read} read, {len(rows) - read} not read"
    line += f"; {sample} of the negatives are the quality-assurance sample" if sample else ""
    if served.folder.left_out:
        line += f"; {served.folder.left_out} left out, they are links that lead out of the folder"
    if shown < len(rows) or shown > MAX_ROWS:
        line += f". {shown} shown" + (f", the first {MAX_ROWS} listed" if shown > MAX_ROWS else "")
    return f"{line}."


def _show_scoring(state: Session) -> None:
    """Progress of the background scoring; the page runs again when a few more are done."""
    if not state.scoring:
        if state.stopped:
            st.button("Continue scoring", key="continue", on_click=_continue, args=(state,))
        return
    ended = sum(job.ended for job in state.scoring.values())
    done = len(state.scored) + ended
    total = len(state.scored) + len(state.scoring)
    bar, button = st.columns([6, 1], vertical_alignment="center")
    bar.progress(done / total, text=f"Scoring: {done} of {total}")
    button.button("Stop", key="stop-scoring", shortcut="q", width="stretch", on_click=_stop, args=(state,))
    if ended >= min(5, len(state.scoring)):
        st.rerun()


def _stop(state: Session) -> None:
    state.stopped = True
    for job in state.scoring.values():
        job.cancel()


def _continue(state: Session) -> None:
    state.stopped = False
    state.score(state.items(services()).values(), services())


def _choose_filter(state: Session, places: Sequence[DeltaGenerator]) -> None:
    name, decision, standing, order = places
    text = name.text_input("Name", key=kept("filter-text", state.filter.text), placeholder="any part of it")
    chosen = Filter(
        decision.selectbox("Decision", CHOICES, key=kept("filter-decision", state.filter.decision)),
        standing.selectbox("State", (ALL, *STATES), key=kept("filter-state", state.filter.state)),
        text or "",
    )
    sorting = order.selectbox("Order", ORDERS, key=kept("filter-order", state.sorting))
    if chosen != state.filter or sorting != state.sorting:
        if sorting != state.sorting:
            state.sorting, state.order = sorting, Order()
        state.filter = chosen
        st.rerun()


def _offer_order(state: Session, rows: Sequence[Row]) -> None:
    """A button that sorts the list anew, where scores that came in would change its order."""
    order = ORDERS[state.sorting](rows)
    if state.scoring or order.keys == state.order.keys:
        return

    def sort() -> None:
        state.order = order

    st.button("New scores: sort the list again", key="sort", on_click=sort)


def _show_table(state: Session, rows: list[Row], served: Services) -> None:
    headings = _headings(rows, state.order)
    table = Table(
        "Worklist",
        COLUMNS,
        [_table_row(row, headings, served) for row in rows[:MAX_ROWS]],
        state.current,
        height="",
        opens=True,
    )
    show_table(table, "worklist", lambda key: _open(state, key))
    if state.opened:
        state.opened = False
        st.switch_page(state.pages["examination"])


def _open(state: Session, key: str) -> None:
    state.current, state.opened = key, True


def _remarks(row: Row) -> list[str]:
    return ["earlier study"] * (row.item.later > 0) + [SAMPLE] * row.sample


def _headings(rows: Sequence[Row], order: Order) -> dict[str, str]:
    """The heading of each photograph's group, with counts; none where the list has no groups, as before scores.

    A group is of patients: it holds all photographs of those whose most urgent photograph is of this kind.
    """
    grouped = not {NOT_SCORED}.issuperset(order.groups.values())
    groups = {row.item.key: order.groups.get(row.item.key, NEW) for row in rows} if grouped else {}
    photographs = Counter(groups.values())
    patients = Counter(group for group, _ in {(groups[row.item.key], row.item.patient) for row in rows if groups})

    def line(group: str) -> str:
        if patients[group] == photographs[group]:
            return f"{HEADINGS[group]}: {photographs[group]}"
        count = f"{patients[group]} patient" + "s" * (patients[group] > 1)
        return f"{HEADINGS[group]}: {count}, {photographs[group]} photographs"

    return {key: line(group) for key, group in groups.items()}


def _table_row(row: Row, headings: Mapping[str, str], served: Services) -> TableRow:
    verdict = row.scored.verdict if row.scored else None
    remark = ", ".join(_remarks(row))
    if row.decision == FAILED and row.scored:
        remark = row.scored.error
    tone = {REFER: "refer", FAILED: "failed"}.get(row.decision, "")
    cells = (
        row.item.name,
        row.item.side,
        f"{SIGNS.get(row.decision, '')} {row.decision}".strip(),
        number(verdict.score if verdict else None),
        verdict.gradability.verdict if verdict else "",
        f"✓ {row.own}" if row.own else "",
        remark,
    )
    return TableRow(
        row.item.key,
        cells,
        tone,
        remark or row.item.name,
        "" if row.decision == FAILED else served.thumbnails.address(row.item),
        headings.get(row.item.key, ""),
    )
