"""The forms in which a PyTorch model is kept as files."""
