"""The candidates of the shown photograph, and what the reader says of them."""
