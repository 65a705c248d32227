"""Data sets for evaluation in the tables of the SQLite store."""
