"""Bytes for other components: encoded pictures and outlines."""
