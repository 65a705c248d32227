"""The HTTP server of pegboard: endpoints that plugins declare, served fast and safely."""
