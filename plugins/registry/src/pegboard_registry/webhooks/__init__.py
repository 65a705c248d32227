"""Webhooks: what happens in the registry, told to other systems by signed HTTP requests."""
