"""Default thresholds of lesion candidates (FGVis supplement A4.2). This file imports nothing, so anyone may use it."""

FRACTION = 0.04
"""Candidates are the pixels of at least this share of the maximum evidence; a method may set its own."""

FLOOR = 0.01
"""Evidence of at most this value is ignored: it may be noise of the start mask, which is drawn from U(0.99, 1)."""
