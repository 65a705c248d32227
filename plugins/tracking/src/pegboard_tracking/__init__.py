"""Experiment tracking for pegboard: stores, journal, search, artifacts and run context."""
