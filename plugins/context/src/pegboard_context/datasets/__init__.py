"""Descriptions of data that can be logged as a run's input, one module for each kind."""
