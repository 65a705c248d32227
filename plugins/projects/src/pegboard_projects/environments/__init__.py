"""The environments that projects run in."""
