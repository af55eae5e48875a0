"""Measures of an explanation and of a classifier: pure functions, counts first, ratios after, undefined is NaN."""
