"""What the requests with a fault are about: the same things on either server."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import requests

Faults: TypeAlias = "dict[tuple[str, str], list[tuple[dict[str, Any], str]]]"
"""By method and path: fields of requests with a fault, and what clients look for in the answer.
Names in braces stand for what a World has of that name."""

NOBODY = "0" * 32
"""The id of no run."""

EVENTS = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]

_BASE = "/api/2.0/mlflow/"


def pairs(count: int) -> list[dict[str, str]]:
    """Return so many params or tags."""
    return [{"key": f"k{i}", "value": "1"} for i in range(count)]


def inside(experiment_id: str) -> list[dict[str, Any]]:
    """Return where to search for traces."""
    place = {"experiment_id": experiment_id}
    return [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": place}]


class World:
    """Experiments, runs and models on a server, some of them deleted."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.names = {"n": "x1", "nobody": NOBODY}
        self._make("exp", "experiments/create", "experiment_id", name="e-x1")
        self._make("gone_exp", "experiments/create", "experiment_id", name="g-x1")
        for name in ("run", "gone_run"):
            self._make(name, "runs/create", "run.info.run_id", experiment_id="{exp}")
        self._make(
            *("model", "logged-models", "model.info.model_id"),
            experiment_id="{exp}",
            name="net",
            source_run_id="{run}",
        )
        create = "/api/3.0/mlflow/datasets/create"
        self._make("data_set", create, "dataset.dataset_id", name="d-x1")
        register = "/api/3.0/mlflow/scorers/register"
        judge = json.dumps({"name": "judge", "builtin_scorer_class": "Safety"})
        self._post(register, experiment_id="{exp}", name="judge", serialized_scorer=judge)
        self._post("runs/log-parameter", run_id="{run}", key="lr", value="0.1")
        self._post("experiments/delete", experiment_id="{gone_exp}")
        self._post("runs/delete", run_id="{gone_run}")
        self._post("registered-models/create", name="m-x1")
        self._post(
            "model-versions/create", name="m-x1", source="models:/{model}", model_id="{model}"
        )

    def _make(self, name: str, path: str, where: str, /, **fields: Any) -> None:
        made = self._post(path, **fields)
        for part in where.split("."):
            made = made[part]
        self.names[name] = made

    def _post(self, path: str, /, **fields: Any) -> Any:
        answer = self.send("POST", path, fields)
        answer.raise_for_status()
        return answer.json()

    def filled(self, value: Any) -> Any:
        """Return a value with this world's names in place of those in braces."""
        if isinstance(value, str):
            for name, own in self.names.items():
                value = value.replace(f"{{{name}}}", own)
        elif isinstance(value, dict):
            return {key: self.filled(each) for key, each in value.items()}
        elif isinstance(value, list):
            return [self.filled(each) for each in value]
        return value

    def send(self, method: str, path: str, fields: dict[str, Any]) -> requests.Response:
        """Send a request: fields of GET and of uploads are its query, else JSON."""
        path, given = self.filled(path), self.filled(fields)
        url = self.url + (path if path.startswith("/") else _BASE + path)
        if path.endswith("upload-artifact"):
            return requests.post(url, params=given, data=given.pop("DATA", ""), timeout=30)
        if method == "GET":
            return requests.get(url, params=given, timeout=30)
        return requests.request(method, url, json=given, timeout=30)
