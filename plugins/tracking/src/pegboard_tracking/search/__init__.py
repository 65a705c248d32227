"""Searches of runs and experiments: from a filter to rows."""
