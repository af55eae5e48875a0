"""The script that Streamlit runs for every page of the viewer; `retina_xai.app.viewer.server` starts it."""

import streamlit as st

from retina_xai.app.viewer.panels import examination_page, games_page, worklist_page
from retina_xai.app.viewer.panels.text import plain
from retina_xai.app.viewer.services import services
from retina_xai.app.viewer.session import session
from retina_xai.errors import InputError

STYLE = """<style>
.stMainBlockContainer { padding: 3.75rem 1.5rem 1rem; }
[data-testid="stStatusWidget"] { display: none; }
[data-testid="stAlertContainer"] { padding: 0.5rem 0.75rem; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * {
  color: light-dark(#4a5462, #aab4c0); opacity: 1;
}
</style>"""
"""Smaller margins than those of Streamlit, no animation at every poll, and captions of sufficient contrast."""

st.set_page_config(page_title="retina-xai", layout="wide")
st.html(STYLE)
pages = {
    "worklist": st.Page(worklist_page.page, title="Worklist", url_path="worklist", default=True),
    "examination": st.Page(examination_page.page, title="Examination", url_path="examination"),
}
if services().network is not None:
    pages["games"] = st.Page(games_page.page, title="ImageNet games", url_path="games")
session().pages = pages
try:
    st.navigation(list(pages.values()), position="top").run()
except InputError as error:  # the store of readings cannot be used
    st.error(plain(str(error)))
