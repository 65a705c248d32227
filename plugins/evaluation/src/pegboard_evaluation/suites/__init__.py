"""Test forms: prompts × models × cases × assertions, out of a file."""
