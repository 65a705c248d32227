"""Recipes: projects in fixed steps, from data to a registered model."""
