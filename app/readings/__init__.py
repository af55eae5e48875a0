"""The reader's findings: model, store, exports, PDF report."""
