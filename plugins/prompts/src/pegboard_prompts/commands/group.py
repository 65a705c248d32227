"""``pegboard prompts``: the group of its commands."""

from __future__ import annotations

import click
from pegboard.cli import output


@click.group(
    epilog=output.examples(
        "pegboard prompts register support prompts/support.md",
        "pegboard prompts diff support@production support",
        "pegboard prompts import prompts --check",
    )
)
def prompts() -> None:
    """List, register, compare and promote prompts; keep them as files in git."""
