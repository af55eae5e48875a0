"""Phantoms: procedural fundus photographs with known lesions, and data sets of them."""
