"""Prompts: versioned texts and conversations with variables, kept in the model registry."""
