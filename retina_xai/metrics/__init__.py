"""Metrics of explanations and classifiers: pure functions; ratios are computed from counts; undefined is NaN."""
