"""Training of the RDR classifier (`fit.train`), and phantoms: synthetic photographs for training and tests."""
