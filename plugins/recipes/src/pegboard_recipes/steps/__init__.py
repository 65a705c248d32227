"""What the steps of a recipe do, one module each."""
