"""Lesions: annotations, their shapes and outlines, and candidates of an evidence map."""
