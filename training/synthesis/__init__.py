"""Lesions and vessels drawn into photographs."""
