"""``pegboard gateway``."""

from __future__ import annotations

import click
from pegboard.cli import output


@click.group(epilog=output.examples("pegboard gateway start", "pegboard gateway endpoints list"))
def gateway() -> None:
    """Serve language models, whoever has made them, at one address."""
