"""What people sit in front of: the command line (`cli`), what it prints (`console`), batches (`batch`), the `demo`."""
