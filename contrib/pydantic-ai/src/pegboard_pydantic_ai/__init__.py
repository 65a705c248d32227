"""Agents of Pydantic AI, traced."""
