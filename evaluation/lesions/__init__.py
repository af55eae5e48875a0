"""Lesion sensitivity: how much of what experts marked an explanation finds."""
