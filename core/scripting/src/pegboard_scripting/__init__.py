"""Tracking from scripts: ``pegboard.start_run`` and the like, and ``pegboard.Client``."""
