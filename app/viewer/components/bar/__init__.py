"""The bar of the examination: the name of the photograph, and the ways to its neighbours."""
