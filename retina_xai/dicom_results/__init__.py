"""Results of `localize` as DICOM objects beside their photograph. Its modules need the extra `dicom`."""
