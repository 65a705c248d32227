"""The LLM gateway: one address for every language model, with keys, limits, budgets and records."""
