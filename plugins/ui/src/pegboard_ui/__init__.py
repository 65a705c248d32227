"""The web interface of pegboard."""
