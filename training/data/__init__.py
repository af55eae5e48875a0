"""Graded photographs: layouts of data sets, cache of prepared copies, patient split, loaders."""
