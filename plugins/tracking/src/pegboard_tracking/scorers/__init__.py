"""Registered scorers in the SQLite store."""
