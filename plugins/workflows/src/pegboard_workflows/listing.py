"""Which runs of workflows there are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pegboard import tags
from pegboard_scripting.client import Client

from pegboard_workflows import names
from pegboard_workflows.carrying_out import SOURCE_TYPE


def newest(limit: int) -> list[dict[str, Any]]:
    """Return the last runs of workflows, in all experiments."""
    client = Client()
    experiments = [each.experiment_id for each in client.search_experiments()]
    found = client.search_runs(
        experiments, f"tags.`{tags.SOURCE_TYPE}` = '{SOURCE_TYPE}'", max_results=limit
    )
    return [
        {
            "run_id": run.info.run_id,
            "workflow": run.data.tags.get(names.WORKFLOW, ""),
            "status": str(run.info.status),
            "began": _time(run.info.start_time),
        }
        for run in found
    ]


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
