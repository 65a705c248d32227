"""Names that the whole distribution shares."""

from typing import Final

NAME: Final = "registry"
"""The name of the entry point, and of the table in the configuration."""
