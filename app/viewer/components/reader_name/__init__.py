"""The field for the reader's name."""
