"""The canvas of the viewer: photograph and evidence side by side, zoomed, measured and drawn on in the browser alone.

    scene = Scene(image_id, width, height, views={"colour": jpeg})
    fundus_canvas(scene, "examination", about={}, on_opening=lambda opening: print(opening.image))

`scene` holds what Python sends and receives, `palette` colours and styles of lines, `canvas` mounts the component.
"""

from retina_xai.app.viewer.components.canvas.canvas import fundus_canvas, opening_in
from retina_xai.app.viewer.components.canvas.scene import FellowEye, HeatLayer, Opening, Scene

__all__ = ["FellowEye", "HeatLayer", "Opening", "Scene", "fundus_canvas", "opening_in"]
