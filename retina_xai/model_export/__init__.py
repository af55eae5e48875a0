"""The classifier in the formats of other platforms. Its modules need the extra `export`."""
