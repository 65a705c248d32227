"""Providers of language models: OpenAI and what speaks like it, Anthropic, Gemini and others."""
