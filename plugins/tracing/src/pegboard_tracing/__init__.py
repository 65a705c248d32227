"""Traces from scripts: ``pegboard.trace``, ``pegboard.start_span`` and the like."""
