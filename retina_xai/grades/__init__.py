"""Labelled photographs: reading grades of diabetic retinopathy, or any other labels, of a folder of photographs."""
