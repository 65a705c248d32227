"""Calls of the openai library, traced."""
