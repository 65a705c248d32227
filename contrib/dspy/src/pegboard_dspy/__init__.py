"""Programs of DSPy, traced."""
