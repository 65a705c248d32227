"""Runs of projects for pictures: a workflow of which a task failed, and what it printed."""

from __future__ import annotations

import json
import time
from typing import Any

from pegboard_scripting.client import Client

RATES = ("0.01", "0.03", "0.1", "0.3")


def fill(store: str) -> dict[str, str]:
    """Log a workflow as ``pegboard workflows`` does; return its run and that of a task."""
    client, began = Client(store), int(time.time() * 1000) - 90_000
    experiment = client.create_experiment("churn")
    parent = client.create_run(
        experiment, run_name="churn", tags={"mlflow.source.type": "WORKFLOW"}
    ).info.run_id

    def task(label: str, state: str, seconds: float, reason: str) -> dict[str, Any]:
        outputs = json.dumps({"rows.csv": "1f3d1f5a", "report/": "77aa01bc"})
        tags = {"mlflow.parentRunId": parent, "pegboard.workflow.task": label}
        tags |= {"pegboard.workflow.outputs": outputs}
        run_id = client.create_run(experiment, run_name=label, tags=tags).info.run_id
        client.log_metric(run_id, "error", 0.123 * seconds)
        epochs = "\n".join(f"epoch {number:4}  loss {9 / number:.4f}" for number in range(1, 200))
        last = "FloatingPointError: the loss is NaN" if state == "failed" else "done"
        client.log_text(run_id, f"{epochs}\n{last}\n", "project/log.txt")
        record = {
            "project": "churn",
            "command": f"python train.py --rate {label}",
            "backend": "local",
        }
        record |= {"uri": "/home/ada/churn", "entry_point": "train", "env_manager": "uv"}
        record |= {"environment": "5ad1c0e7", "source": {"commit": "1f3d1f5a0c"}}
        record |= {"ended": {"exit_code": 1, "cpu_seconds": 41.2, "log": "complete"}}
        client.log_text(run_id, json.dumps(record), "project/project.json")
        client.set_terminated(run_id, "FAILED" if state == "failed" else "FINISHED")
        times = {"began": began, "ended": began + int(seconds * 1000)}
        return {
            "task": label,
            "state": state,
            "run_id": run_id,
            "reason": reason,
            "attempts": 1,
        } | times

    train = [
        task(f"train[{rate}]", "failed" if rate == "0.3" else "finished", 20 + 9 * n, why)
        for n, (rate, why) in enumerate(
            zip(RATES, [*["the code train.py changed"] * 3, "its exit code is 1"], strict=True)
        )
    ]
    steps = [
        ("load", [], "unchanged", [task("load", "unchanged", 8, "nothing changed")]),
        (
            "clean",
            ["load"],
            "finished",
            [task("clean", "finished", 12, "the input rows is another")],
        ),
        ("train", ["clean"], "failed", train),
        ("features", ["load"], "finished", [task("features", "finished", 3, "it has not run yet")]),
        ("best", ["train", "features"], "blocked", []),
    ]
    record = {
        "workflow": "churn",
        "uri": "/home/ada/churn",
        "parameters": {"rows": "100000", "rates": json.dumps(RATES)},
        "steps": [
            {
                "step": name,
                "needs": needs,
                "state": state,
                "reason": "train did not finish",
                "tasks": tasks,
            }
            for name, needs, state, tasks in steps
        ],
    }
    client.log_text(parent, json.dumps(record), "workflow/workflow.json")
    client.set_terminated(parent, "FAILED")
    return {"workflow": parent, "task": train[-1]["run_id"]}
