"""Environments that are built once, kept in the user's cache, and used by all."""
