"""The name of this plugin."""

from __future__ import annotations

NAME = "server"
"""The name of the entry point, and of the table in the configuration."""
