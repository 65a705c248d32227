"""Evaluation of models: tables, metrics, files, thresholds and comparisons."""
