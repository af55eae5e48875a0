"""The panel of candidates. What it shows is part of the snapshot that the canvas sends; what the reader says of them
stays in the page until a reading is stored.
"""

from pathlib import Path

from retina_xai.app.viewer.components.component import client_component
from retina_xai.lesions.annotation import ANNOTATION_TYPES

_folder = Path(__file__).parent
_candidates = client_component(_folder, _folder.parent / "table" / "table.css")


def candidates_panel() -> None:
    """Show the panel."""
    _candidates(key="candidates", data={"types": [[name, name.replace("_", " ")] for name in ANNOTATION_TYPES]})
