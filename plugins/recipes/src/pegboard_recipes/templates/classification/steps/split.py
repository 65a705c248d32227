"""Which rows are trained on: recipe.yaml says in which shares."""
