"""The canvas of the viewer: photograph and evidence side by side, zoomed, measured and drawn on by the client alone.

    state = fundus_canvas(Scene(image_id, width, height, views={"colour": jpeg}), key="examination")
    state.selected, state.drawn

`scene` holds what Python sends and receives, `component` mounts it, `client/` is what runs in the browser.
"""

from retina_xai.app.viewer.components.canvas.component import fundus_canvas, pending_edit
from retina_xai.app.viewer.components.canvas.scene import CanvasState, DrawnLesion, Mark, Scene

__all__ = ["CanvasState", "DrawnLesion", "Mark", "Scene", "fundus_canvas", "pending_edit"]
