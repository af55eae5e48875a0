"""VEBI over a data set: the fit to photographs, and what the chosen filters are worth."""
