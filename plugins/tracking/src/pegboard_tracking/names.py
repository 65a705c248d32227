"""The name of this plugin."""

from __future__ import annotations

NAME = "tracking"
"""The name of the entry point, and of the table in the configuration."""
