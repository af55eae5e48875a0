"""DICOM files: what is in them, and one frame as a photograph. Its modules need the extra `dicom`."""
