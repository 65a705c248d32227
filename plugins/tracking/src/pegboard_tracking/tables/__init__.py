"""The tables of the SQLite store, and single rows of them."""
