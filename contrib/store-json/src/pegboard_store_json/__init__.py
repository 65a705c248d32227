"""A tracking store for pegboard: one JSON file per experiment and run."""
