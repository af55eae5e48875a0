"""The form for a reading: decision, comment and a button."""
