"""A kind of recipes that finds groups of similar rows."""
