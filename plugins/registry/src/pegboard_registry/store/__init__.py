"""The model registry in the SQLite store."""
