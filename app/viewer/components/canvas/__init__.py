"""The canvas of the viewer: photograph and evidence side by side, zoomed, measured and drawn on in the browser alone.

    state = fundus_canvas(Scene(image_id, width, height, views={"colour": jpeg}), key="examination")
    state.selected, state.drawn

`scene` holds what Python sends and receives, `palette` colours and styles of lines, `canvas` mounts the component.
"""

from retina_xai.app.viewer.components.canvas.canvas import fundus_canvas, pending_edit
from retina_xai.app.viewer.components.canvas.scene import CanvasState, HeatLayer, Scene

__all__ = ["CanvasState", "HeatLayer", "Scene", "fundus_canvas", "pending_edit"]
