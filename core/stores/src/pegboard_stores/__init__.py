"""What a store is made of: the filter grammar and its SQL, SQLite, group commit, pages."""
