"""The worklist page: uploads, scoring in the background, filters, and the table from which a photograph is opened."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from retina_xai.app.viewer.components.table.table import Column, Table, TableRow, show_table
from retina_xai.app.viewer.panels.header_panel import kept, reader_input
from retina_xai.app.viewer.panels.history_panel import show_exports
from retina_xai.app.viewer.panels.progress_panel import POLL
from retina_xai.app.viewer.panels.text import damage_line, number, plain
from retina_xai.app.viewer.server import MAX_UPLOAD_SIZE
from retina_xai.app.viewer.services import Services, services
from retina_xai.app.viewer.session import Session, session
from retina_xai.app.viewer.worklist import ALL, CHOICES, FAILED, STATES, Filter, Row, arranged, ordered, rows_of
from retina_xai.errors import OutputError
from retina_xai.io.images import SUFFIXES
from retina_xai.verdict import NO_REFERABLE_DR, NOT_SURE, REFER, UNGRADABLE

COLUMNS = (
    Column("photograph"),
    Column("decision"),
    Column("score", True),
    Column("quality"),
    Column("read"),
    Column("remark"),
)
SIGNS = {REFER: "▲", NOT_SURE: "?", NO_REFERABLE_DR: "○", UNGRADABLE: "◇", FAILED: "✕"}
MAX_UPLOADS = 200
MAX_ROWS = 1000


def page() -> None:
    """The page."""
    state, served = session(), services()
    _show_bar(state)
    if damaged := state.damaged(served):
        st.warning(damage_line(damaged))
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
    counts, *filters = st.columns([6, 2, 2, 2], vertical_alignment="bottom")
    with counts:
        _show_counts(rows, served)
    _choose_filter(state, filters)
    _offer_order(state, rows)
    _show_table(state, [row for row in rows if state.filter.keeps(row)], len(rows))
    with st.expander("Export all my readings"):
        hashes = {row.scored.sha256 for row in rows if row.scored}
        own = [one for one in state.readings(served) if one.image.sha256 in hashes]
        show_exports(own, "all", state.damaged(served))


def worklist(state: Session, served: Services) -> list[Row]:
    """All rows in their order, which stays while scores come in and when a photograph has been opened."""
    model = served.classifier.sha256
    read = frozenset(one.image.sha256 for one in state.readings(served) if one.model_sha256 == model)
    rows = rows_of(state.items(served).values(), state.scored, read)
    if not state.order or (state.current is None and not state.scoring):
        state.order = tuple(row.item.key for row in rows)
    return arranged(rows, state.order)


def listed_keys(state: Session, served: Services) -> list[str]:
    """Keys of the rows that the filter keeps, in order."""
    return [row.item.key for row in worklist(state, served) if state.filter.keeps(row)]


def _show_bar(state: Session) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Worklist** – the photographs of a patient stand together", width="stretch")
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


def _take_upload(state: Session, name: str, content: bytes) -> None:
    try:
        state.score(state.upload(name, content), services())
    except OutputError as error:
        st.error(plain(str(error)))


def _show_counts(rows: list[Row], served: Services) -> None:
    read = sum(row.read for row in rows)
    refer = sum(row.decision == REFER for row in rows)
    second = sum(row.second for row in rows)
    line = f"{len(rows)} photographs: {refer} to refer, {read} read, {len(rows) - read} not read"
    line += f"; {second} of the negatives offered for a second reading" if second else ""
    if served.folder.left_out:
        line += f"; {served.folder.left_out} left out, they are links that lead out of the folder"
    st.markdown(plain(f"{line}."))


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
    name, decision, standing = places
    text = name.text_input("Name", key=kept("filter-text", state.filter.text), placeholder="any part of it")
    chosen = Filter(
        decision.selectbox("Decision", CHOICES, key=kept("filter-decision", state.filter.decision)),
        standing.selectbox("State", (ALL, *STATES), key=kept("filter-state", state.filter.state)),
        text or "",
    )
    if chosen != state.filter:
        state.filter = chosen
        st.rerun()


def _offer_order(state: Session, rows: Sequence[Row]) -> None:
    """A button that sorts the list anew, where scores that came in would change its order."""
    sorted_keys = tuple(row.item.key for row in ordered(rows))
    if state.scoring or sorted_keys == state.order:
        return

    def sort() -> None:
        state.order = sorted_keys

    st.button("New scores: sort the list again", key="sort", on_click=sort)


def _show_table(state: Session, rows: list[Row], total: int) -> None:
    listed = f", the first {MAX_ROWS} listed" if len(rows) > MAX_ROWS else ""
    st.caption(f"{len(rows)} of {total} shown{listed}. A click, or arrow keys and Enter, opens a photograph.")
    table = Table(
        "Worklist",
        COLUMNS,
        [_table_row(row) for row in rows[:MAX_ROWS]],
        state.current,
        "max(12rem, 100vh - 22rem)",
        True,
    )
    show_table(table, "worklist", lambda key: _open(state, key))
    if state.opened:
        state.opened = False
        st.switch_page(state.pages["examination"])


def _open(state: Session, key: str) -> None:
    state.current, state.opened = key, True


def _remarks(row: Row) -> list[str]:
    return ["earlier study"] * (row.item.later > 0) + ["second reading"] * row.second


def _table_row(row: Row) -> TableRow:
    verdict = row.scored.verdict if row.scored else None
    remark = ", ".join(_remarks(row))
    if row.decision == FAILED and row.scored:
        remark = row.scored.error
    tone = {REFER: "refer", FAILED: "failed"}.get(row.decision, "")
    cells = (
        row.item.name,
        f"{SIGNS.get(row.decision, '')} {row.decision}".strip(),
        number(verdict.score if verdict else None),
        verdict.gradability.verdict if verdict else "",
        "✓ read" if row.read else "",
        remark,
    )
    return TableRow(row.item.key, cells, tone, remark or row.item.name)
