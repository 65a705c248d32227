"""Label schemas and review queues of the SQLite store."""
