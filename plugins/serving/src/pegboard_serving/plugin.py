"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pegboard.hookspecs import Command, hookimpl


def _serve() -> Any:
    from pegboard_serving.commands.serve import serve

    return serve


def _predict() -> Any:
    from pegboard_serving.commands.predict import predict

    return predict


def _environments() -> Any:
    from pegboard_serving.commands.environments import environments

    return environments


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare what serves a model, what predicts in batches, and where they do."""
    return [
        Command("models serve", _serve, "Serve a model over HTTP."),
        Command("models predict", _predict, "Predict from a file of CSV or JSON."),
        Command(
            "models environments",
            _environments,
            "List and remove the environments that --env-manager uv has built.",
        ),
    ]
