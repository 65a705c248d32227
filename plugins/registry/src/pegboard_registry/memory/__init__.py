"""The model registry in memory, for tests."""
