"""Evaluation of a classifier on labelled photographs."""
