"""Training of the RDR classifier on EyePACS (`fit.train` is the door), and the phantoms it can learn from."""
