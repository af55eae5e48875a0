"""Fundus photographs: field of view, geometry, preprocessing, quality and views for human readers."""
