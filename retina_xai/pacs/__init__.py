"""Archives of DICOM files in a network (PACS): find, fetch and store. Its modules need the extra `dicom`."""
