"""``pegboard prompts``: prompts of the model registry."""
