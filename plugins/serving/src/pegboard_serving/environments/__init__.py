"""Environments that uv builds from the requirements of a model, and keeps."""
