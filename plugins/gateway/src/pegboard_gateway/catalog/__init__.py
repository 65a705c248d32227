"""The catalog: which endpoints there are, from the configuration and from the database."""
