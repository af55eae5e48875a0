"""The pages of the viewer, and the parts that they share."""
