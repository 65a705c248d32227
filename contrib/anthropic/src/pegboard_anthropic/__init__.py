"""Calls of the anthropic library, traced."""
