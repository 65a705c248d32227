"""The SQLite tracking store, and the one in memory."""
