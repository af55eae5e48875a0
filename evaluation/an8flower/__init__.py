"""an8Flower: drawn flowers whose class is the colour of one part, with the mask of that part."""
