"""What the pages of prompts, evaluations and recipes show: for both systems, or for ours alone."""

from __future__ import annotations

import json
from pathlib import Path

from pegboard_scripting.client import Client
from server_systems import Server

PROMPT = "answer-07"
PROMPTS, VERSIONS, ROWS = 60, 30, 400
NEWEST = f"Version {VERSIONS} of"
TABLE = "eval_results_table.json"
STEPS = ("ingest", "split", "transform", "train", "evaluate", "register")
_IS_PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
_TEXT = "You answer questions of {{customer}} about invoices. Name the amount and the days overdue."


def send_prompts(server: Server) -> None:
    """Register prompts, one of them with many versions, in MLflow's API."""
    for number in range(PROMPTS):
        name = f"answer-{number:02d}"
        server.post("registered-models/create", {"name": name, "tags": [_IS_PROMPT]})
        for version in range(VERSIONS if name == PROMPT else 1):
            text = f"Version {version + 1} of {name}. {_TEXT}" + f"\nRule {version}." * version
            tags = [_IS_PROMPT, {"key": "mlflow.prompt.text", "value": text},
                    {"key": "_mlflow_prompt_type", "value": "text"}]  # fmt: skip
            made = {"name": name, "source": "dummy-source", "tags": tags}
            server.post("model-versions/create", made)
    alias = {"name": PROMPT, "alias": "production", "version": str(VERSIONS - 1)}
    server.post("registered-models/alias", alias)


def add_judged(place: Path) -> list[str]:
    """Add two runs with a table of an evaluation each; return their ids."""
    client = Client(f"sqlite:{place}/runs.db")
    experiment = client.create_experiment("judged")
    found = []
    for model in range(2):
        run_id = str(client.create_run(experiment, run_name=f"judged {model}").info.run_id)
        rows = [[f"question {i}", f"reply {i} of {model}", f"reply {i} of 1", (i + model) % 5]
                for i in range(ROWS)]  # fmt: skip
        names = ["inputs", "outputs", "targets", "helpful/v1/score"]
        table = json.dumps({"columns": names, "data": rows})
        client.log_text(run_id, table, TABLE)
        # As log_table() does: only what this tag names is shown as a table.
        client.set_tag(
            run_id, "mlflow.loggedArtifacts", json.dumps([{"path": TABLE, "type": "table"}])
        )
        found.append(run_id)
    return found


def add_recipe(place: Path) -> str:
    """Add the run of a recipe; return its id."""
    client = Client(f"sqlite:{place}/runs.db")
    experiment = client.create_experiment("recipes")
    run_id = str(client.create_run(experiment, run_name="of a recipe").info.run_id)
    steps = [
        {"step": name, "needs": list(STEPS[:at][-1:]), "state": "done", "reason": "",
         "seconds": 1.5, "when": None, "card": f"{name}/card.html", "log": None}
        for at, name in enumerate(STEPS)
    ]  # fmt: skip
    record = {"recipe": "songs", "kind": "regression/v1", "profile": "local", "status": "done",
              "criteria": [], "steps": steps}  # fmt: skip
    for name in STEPS:
        client.log_text(run_id, f"<!doctype html><h1>{name}</h1>", f"{name}/card.html")
    client.log_text(run_id, json.dumps(record), "recipe.json")
    return run_id
