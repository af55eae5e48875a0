"""Phantoms: synthetic fundus photographs with exact lesion masks, and data sets of them."""
