"""A curve of scores."""
