"""The table of runs, read from the indexes: an ability of the SQLite store."""
