"""Photographs with boxes around their objects, and boxes made from evidence."""
