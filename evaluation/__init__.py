"""Experiments on published data sets: what an explanation finds, and how far it can be trusted."""
