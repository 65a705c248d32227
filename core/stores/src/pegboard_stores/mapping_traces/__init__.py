"""Traces over mappings: the meaning of their contract, in plain Python."""
