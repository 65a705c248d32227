"""Calls of the google-genai library, traced."""
