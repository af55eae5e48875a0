"""Long jobs on the workers of a Dask cluster, on this machine or on many; needs the extra `cluster`."""
