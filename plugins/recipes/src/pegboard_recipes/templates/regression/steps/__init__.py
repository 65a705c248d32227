"""What the steps of recipe.yaml call."""
