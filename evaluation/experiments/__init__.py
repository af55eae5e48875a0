"""The experiments of the FGVis paper, one file each, and their registry."""
