"""A table of which one row can be chosen."""
