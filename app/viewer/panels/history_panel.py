"""The reader's earlier readings of a photograph, and the exports."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import streamlit as st

from retina_xai.app.readings.export import deidentified, export_bytes
from retina_xai.app.readings.finding_text import finding_line
from retina_xai.app.readings.model import Reading
from retina_xai.app.readings.pdf_report import Report, pdf_bytes
from retina_xai.app.viewer.dicom_export import dicom_zip, has_uids
from retina_xai.app.viewer.findings import localized
from retina_xai.app.viewer.open_photograph import OpenPhotograph
from retina_xai.app.viewer.panels.evidence_panel import question_of
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.services import Services
from retina_xai.app.viewer.session import Session
from retina_xai.drawing import overlay
from retina_xai.fundus.retinal_scale import retinal_scale
from retina_xai.models.checkpoint import CLASSES


def show_history(state: Session, opened: OpenPhotograph, served: Services) -> None:
    """The reader's own earlier readings of this photograph: readers do not see one another's."""
    image = opened.photograph.sha256
    heads = [head for head in state.readings(served) if head.image.sha256 == image]
    left, right = st.columns(2)
    with left.popover(f"My readings of this photograph ({len(heads)})", width="stretch"):
        if not heads:
            st.caption("None yet.")
        for head in reversed(heads):
            time = f"{head.time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            said = f"{finding_line(head)}, {served.index.marks(head)} lesions"
            st.markdown(plain(f"No. {head.number}, {time}: {said}. {head.comment}"))
    with right.popover("Export my readings of this photograph", width="stretch"):
        show_exports(bool(heads), lambda: state.whole_readings((image,), served), "one", served)
        if heads:
            _show_pdf(heads[-1], opened, state, served)
        if opened.photograph.identity is not None:
            _show_dicom(heads, opened, served)


def show_exports(stored: bool, load: Callable[[], Sequence[Reading]], key: str, served: Services) -> None:
    """Downloads of readings, with a switch that takes out names and comments; they name the damaged rows.

    `load` gives the readings when a download is asked for; `stored` says whether there are some.
    """
    if not stored:
        st.caption("Nothing is stored yet.")
        return
    hidden = st.checkbox("Without names and comments", key=f"{key}-deidentify")

    def make(kind: str) -> bytes:
        readings = load()
        return export_bytes(deidentified(readings) if hidden else readings, kind, served.index.damaged)

    endings = {"csv": "csv", "json": "json", "coco": "coco.json"}
    for column, (kind, ending) in zip(st.columns(3), endings.items(), strict=True):
        column.download_button(
            kind.upper(),
            data=partial(make, kind),
            file_name=f"readings.{ending}",
            mime="text/csv" if kind == "csv" else "application/json",
            key=f"{key}-{kind}",
            width="stretch",
            on_click="ignore",
        )


def _show_pdf(head: Reading, opened: OpenPhotograph, state: Session, served: Services) -> None:
    if head.model_sha256 != served.classifier.sha256:
        return
    hidden = bool(st.session_state.get("one-deidentify"))
    asked = question_of(state, served).method

    def make() -> bytes:
        reading = served.index.whole(head)
        method = reading.settings.get("method", asked)
        found = opened.found if opened.found and opened.found.question.method == method else None
        (chosen,) = deidentified([reading]) if hidden else (reading,)
        pixels = opened.photograph.pixels
        picture = overlay(pixels, found.evidence) if found else None
        facts, scale = served.run_facts(method), retinal_scale(opened.photograph)
        return pdf_bytes(Report(chosen, pixels, picture, facts, datetime.now(UTC), scale=scale))

    st.download_button(
        f"PDF report of reading {head.number}",
        data=make,
        file_name=file_name(head, hidden),
        mime="application/pdf",
        key="one-pdf",
        width="stretch",
        on_click="ignore",
    )


def file_name(reading: Reading, hidden: bool) -> str:
    """That of the PDF of a reading; it begins with that of the photograph unless names are `hidden`."""
    stem = "" if hidden else re.sub(r"[^\w.-]+", "_", Path(reading.image.name).stem) + "-"
    return f"{stem}reading-{reading.number}.pdf"


def _show_dicom(heads: Sequence[Reading], opened: OpenPhotograph, served: Services) -> None:
    """The DICOM objects of the evidence that is shown, with the last reading; see `ViewSettings.identified`."""
    found = opened.found
    if found is None or found.question.target != CLASSES[-1]:
        st.caption("DICOM objects can be made when evidence of referable DR is shown.")
        return
    told = "They name the patient." if served.settings.identified else "Patient, dates and reader are left empty."
    last = next((one for one in reversed(heads) if one.model_sha256 == served.classifier.sha256), None)

    def make() -> bytes:
        method = found.question.method
        computed = found.localization or localized(opened.photograph, served.classifier, found.question)
        reading = last and served.index.whole(last)
        return dicom_zip(opened.item.path, computed, served.run_facts(method), reading, served.settings.identified)

    st.download_button(
        "DICOM objects (ZIP)",
        data=make,
        file_name=f"{opened.photograph.name}.zip",
        mime="application/zip",
        key="one-dicom",
        width="stretch",
        on_click="ignore",
        disabled=not has_uids(opened.item.path),
        help=f"Segmentations, reports, overlay and PDF that reference the photograph. {told}",
    )
