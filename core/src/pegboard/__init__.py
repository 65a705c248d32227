"""pegboard: a small plugin host for the machine-learning lifecycle."""
