"""The bar of the examination. What it shows is part of the snapshot that the canvas sends."""

from pathlib import Path

from retina_xai.app.viewer.components.component import client_component

_bar = client_component(Path(__file__).parent)


def photograph_bar() -> None:
    """Show the bar."""
    _bar(key="bar")
