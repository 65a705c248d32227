"""Calls of litellm, traced."""
