"""Reading and writing: image files and their decoders, atomic writes, result records."""
