"""The two thresholds of lesion candidates (FGVis supplement A4.2), apart from the image processing that uses them."""

FRACTION = 0.04
"""Share of the map's maximum at which a candidate begins; a method may set its own."""

FLOOR = 0.01
"""Evidence of at most this value is the noise of the start mask, drawn from U(0.99, 1), and no evidence."""
