"""``pegboard models show`` of a logged model."""

from __future__ import annotations

from pegboard.cli import output
from pegboard_scripting.client import Client
from pegboard_stores import formats

from pegboard_registry.commands import common


def show(client: Client, model_id: str, as_json: bool) -> None:
    """Show a logged model; NotFound if there is none of that id."""
    model = client.get_logged_model(model_id)
    if as_json:
        output.print_json(model)
        return
    facts: list[tuple[str, object]] = [
        ("logged model", model.name),
        ("id", model.model_id),
        ("status", model.status),
        ("created", common.moment(model.creation_timestamp)),
        ("files", model.artifact_location),
    ]
    latest = {point.key: point.value for point in sorted(model.metrics, key=lambda p: p.timestamp)}
    more = [
        ("run", model.source_run_id),
        ("type", model.model_type),
        ("message", model.status_message),
        *((f"param {key}", value) for key, value in sorted(model.params.items())),
        *((f"metric {key}", formats.number(value)) for key, value in sorted(latest.items())),
        *((f"tag {key}", value) for key, value in sorted(model.tags.items())),
    ]
    output.print_record([*facts, *((name, value) for name, value in more if value)])
