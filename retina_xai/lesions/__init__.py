"""Lesions: candidates of an evidence map and outlines of regions."""
