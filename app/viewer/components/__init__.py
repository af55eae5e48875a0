"""Streamlit components of this package: Python, HTML, CSS and JavaScript of each together."""
