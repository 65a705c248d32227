"""Calls about what runs used and made, and their files."""

from __future__ import annotations

from typing import Any

from differing.writer import BAD_PATHS, PATHS, VALUES, Writer


def inputs(w: Writer) -> None:
    match w.one(["inputs", "inputs", "outputs", "search", "get"]):
        case "inputs":

            def used() -> Any:
                described = {
                    "name": w.one(
                        ["d1", "d2", {"*": ["n", w.one([500, 501])]}]
                        if w.chance(0.1)
                        else ["d1", "d2"]
                    ),
                    "digest": w.one(
                        ["g1", "g2", {"*": ["g", 37]}] if w.chance(0.1) else ["g1", "g2"]
                    ),
                    "source_type": "local",
                    "source": w.one(["s", "{}"]),
                }
                if w.chance(0.5):
                    described |= {"schema": w.one(["sch", ""]), "profile": w.one(["pro", ""])}
                return [
                    described,
                    w.one(
                        [
                            [],
                            [["mlflow.data.context", w.one(["train", "eval"])]],
                            [["t", "v"], ["u", ""]],
                        ]
                    ),
                ]

            models = [w.known("model")] if w.chance(0.3) else None
            w.add("log_inputs", run_id=w.known("run"), datasets=w.some(used) or None, models=models)
        case "outputs":
            w.add(
                "log_outputs", run_id=w.known("run"), models=[[w.known("model"), w.one([0, 1, 5])]]
            )
        case "search":
            w.add(
                "http",
                method="POST",
                path="/ajax-api/2.0/mlflow/experiments/search-datasets",
                json_body={"experiment_ids": [w.known("experiment")]},
            )
        case "get":
            w.add("get_run", run_id=w.known("run"))


def artifacts(w: Writer) -> None:
    path = w.one(BAD_PATHS) if w.chance(0.08) else w.one(PATHS)
    match w.one(["text", "text", "dict", "list", "list", "download", "delete"]):
        case "text":
            w.add("log_text", run_id=w.known("run"), text=w.one(VALUES), artifact_file=path)
        case "dict":
            w.add(
                "log_dict",
                run_id=w.known("run"),
                dictionary={"a": [1, None]},
                artifact_file=w.one(["d/x.json", "y.yaml", "z"]),
            )
        case "list":
            w.add("list_artifacts", run_id=w.known("run"), path=w.one([None, path, path]))
        case "download":
            w.add("download_artifacts", run_id=w.known("run"), path=w.one([path, path, ""]))
        case "delete":
            w.add("delete_artifacts", run_id=w.known("run"), path=w.one([path, path, path, None]))
