"""Resumable work over many photographs: localize, explain, experiments."""
