"""Serves models over HTTP, and predicts in batches."""
