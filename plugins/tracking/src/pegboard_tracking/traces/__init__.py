"""Traces: tables, text index, search, figures, assessments."""
