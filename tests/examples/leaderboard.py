"""A plugin with one endpoint: the best runs of an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import hookimpl
from pegboard_wire.http import Call, Endpoint, Permission, Result


def best(call: Call) -> Result:
    """Answer with the ten runs whose metric is greatest."""
    experiment_id, metric = call.parameters["experiment_id"], call.parameters["metric"]
    store = call.host.tracking_store(call.tracking_uri)
    order = [f"metrics.`{metric}` DESC"]
    runs = store.search_runs([experiment_id], order_by=order, max_results=10)
    return {"best": [[run.info.run_name, run.data.metrics.get(metric)] for run in runs]}


@hookimpl
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Declare the endpoint."""
    path = "/api/leaderboard/{experiment_id}/{metric}"
    return [Endpoint("GET", path, best, Permission.READ, "The best runs of an experiment.")]
