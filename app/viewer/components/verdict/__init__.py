"""The system's verdict on the shown photograph."""
