"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import Command, hookimpl


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare what serves a model, what predicts in batches, and where they do."""
    return [
        Command(
            "models serve", "pegboard_serving.commands.serve:serve", "Serve a model over HTTP."
        ),
        Command(
            "models predict",
            "pegboard_serving.commands.predict:predict",
            "Predict from a file of CSV or JSON.",
        ),
        Command(
            "models environments",
            "pegboard_serving.commands.environments:environments",
            "List and remove the environments that --env-manager uv has built.",
        ),
    ]
