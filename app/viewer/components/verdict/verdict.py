"""The verdict on the shown photograph. What it shows is part of the snapshot that the canvas sends."""

from pathlib import Path

from retina_xai.app.viewer.components.component import client_component

_verdict = client_component(Path(__file__).parent)


def verdict_box() -> None:
    """Show the verdict."""
    _verdict(key="verdict")
