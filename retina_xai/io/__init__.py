"""Input and output: image files and their decoders, atomic writes."""
