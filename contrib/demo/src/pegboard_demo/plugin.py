"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pegboard.hookspecs import Command, hookimpl


def _demo() -> Any:
    from pegboard_demo.command import demo

    return demo


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the command ``demo``."""
    return [Command("demo", _demo, "Train real models on real data and show what was tracked.")]
