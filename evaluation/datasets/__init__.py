"""Annotated data sets: photographs with expert markings of lesions."""
