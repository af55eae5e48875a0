"""Synthetic lesions and vessels, drawn into photographs."""
