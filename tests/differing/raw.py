"""Requests as clients other than today's in Python make them."""

from __future__ import annotations

from typing import Any

from differing.writer import NONCE, STATUSES, TIMES, Writer

MODEL_PATHS = [
    "registered-models/get",
    "registered-models/search",
    "registered-models/get-latest-versions",
    "model-versions/get",
]


def raw(w: Writer) -> None:
    prefix = w.one(["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"])
    run = {w.one(["run_id", "run_uuid"]): w.known("run")}
    experiment = {"experiment_id": w.known("experiment")}

    def number(value: int) -> Any:
        return w.one([value, str(value)])

    match w.one(
        [
            "get",
            "get_body",
            "create",
            "update",
            "metric",
            "param",
            "tag",
            "untag",
            "batch",
            "search",
            "history",
            "bulk",
            "experiment",
            "experiment_body",
            "experiments",
            "list",
            "delete",
            "artifacts",
            "model",
            "wrong",
        ]
    ):
        case "get":
            w.add("http", method="GET", path=f"{prefix}/runs/get", query=run)
        case "get_body":
            w.add("http", method="GET", path=f"{prefix}/runs/get", json_body=run)
        case "create":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/create",
                json_body={
                    w.one(["experiment_id", "experimentId"]): w.known("experiment"),
                    "start_time": number(w.start()),
                    "user_id": w.one(["ann", ""]),
                    "tags": w.one(
                        [[], [{"key": "a", "value": "b"}], [{"key": "mlflow.user", "value": "bob"}]]
                    ),
                    "source_type": "LOCAL",
                },
            )
        case "update":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/update",
                json_body={
                    **run,
                    "status": w.one([*STATUSES[2:], 3, "3", "finished", "NO"]),
                    "end_time": number(w.one(TIMES[1:])),
                },
            )
        case "metric":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/log-metric",
                json_body={
                    **run,
                    "key": w.key(),
                    "value": w.one(
                        [1, 1.5, "2.5", "NaN", "Infinity", "-Infinity", None, "x", True]
                    ),
                    "timestamp": number(w.one(TIMES)),
                    **w.one([{}, {"step": number(3)}, {"step": 1.0}, {"step": None}]),
                },
            )
        case "param":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/{w.one(['log-parameter', 'log-parameter', 'log-param'])}",
                json_body={**run, "key": w.key(), "value": w.one(["v", "", None, 1])},
            )
        case "tag":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/set-tag",
                json_body={**run, "key": w.key(), "value": w.one(["v", "", None, 1])},
            )
        case "untag":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/delete-tag",
                json_body={"run_id": w.known("run"), "key": w.key()},
            )
        case "batch":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/log-batch",
                json_body={
                    "run_id": w.known("run"),
                    "metrics": [
                        {
                            "key": "a",
                            "value": w.one([1, "NaN"]),
                            "timestamp": number(5),
                            **w.one([{}, {"step": number(1)}]),
                        }
                    ],
                    "params": w.one(
                        [
                            [],
                            None,
                            [{"key": "p", "value": "1"}],
                            [{"key": "p", "value": "1"}, {"key": "p", "value": w.one(["1", "2"])}],
                            [{"key": "p"}],
                        ]
                    ),
                    "tags": w.one(
                        [
                            [],
                            [{"key": "t", "value": "1"}, {"key": "t", "value": "2"}],
                            [{"key": ""}],
                        ]
                    ),
                },
            )
        case "search":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/search",
                json_body={
                    w.one(["experiment_ids", "experimentIds"]): [w.known("experiment")],
                    "filter": w.one(["", "metrics.a > 0", "params.p = '1'"]),
                    **w.one(
                        [
                            {},
                            {"run_view_type": "ALL"},
                            {"run_view_type": 3},
                            {"max_results": "1"},
                            {"max_results": 2},
                            {"order_by": ["metrics.a DESC"]},
                        ]
                    ),
                },
            )
        case "history":
            w.add(
                "http",
                method="GET",
                path=f"{prefix}/metrics/get-history",
                query={**run, "metric_key": w.key(), **w.one([{}, {}, {"max_results": 2}])},
            )
        case "bulk":
            w.add(
                "http",
                method="GET",
                path=w.one(
                    [
                        "/ajax-api/2.0/mlflow/metrics/get-history-bulk",
                        "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval",
                    ]
                ),
                query={
                    w.one(["run_id", "run_ids"]): [w.known("run"), w.known("run")],
                    "metric_key": "a",
                    **w.one([{}, {"max_results": 10}]),
                },
            )
        case "experiment":
            w.add("http", method="GET", path=f"{prefix}/experiments/get", query=experiment)
        case "experiment_body":
            w.add(
                "http",
                method="GET",
                path=f"{prefix}/experiments/{w.one(['get', 'get-by-name'])}",
                json_body={**experiment, "experiment_name": w.name()},
            )
        case "experiments":
            method = w.one(["GET", "POST"])
            given = {
                "filter": f"name LIKE '{NONCE}%'",
                "max_results": w.one([1, "2", 100]),
                **w.one(
                    [{}, {"view_type": "ALL"}, {"order_by": ["name DESC"]}, {"order_by": ["name"]}]
                ),
            }
            w.add(
                "http",
                method=method,
                path=f"{prefix}/experiments/search",
                **({"query": given} if method == "GET" else {"json_body": given}),
            )
        case "list":
            w.add(
                "http", method="GET", path=f"{prefix}/experiments/list", query={"view_type": "ALL"}
            )
        case "delete":
            w.add(
                "http",
                method="POST",
                path=f"{prefix}/runs/{w.one(['delete', 'restore'])}",
                json_body={"run_id": w.known("run")},
            )
        case "artifacts":
            w.add(
                "http",
                method="GET",
                path=f"{prefix}/artifacts/list",
                query={**run, **w.one([{}, {"path": "d"}, {"path": "../x"}, {"path": "none"}])},
            )
        case "model":
            w.add(
                "http",
                method="GET",
                path=f"{prefix}/{w.one(MODEL_PATHS)}",
                query={"name": w.name(), "version": "1", "filter": f"name LIKE '{NONCE}%'"},
            )
        case "wrong":
            path = w.one(
                [
                    "runs/get",
                    "runs/log-metric",
                    "runs/search",
                    "nothing/here",
                    "experiments/create",
                    "runs/log-batch",
                ]
            )
            w.add(
                "http",
                method=w.one(["GET", "POST", "PUT", "DELETE"]),
                path=f"{prefix}/{path}",
                headers={
                    "Content-Type": w.one(
                        ["application/json", "text/plain", "application/x-www-form-urlencoded"]
                    )
                },
                body=w.one(
                    [
                        "",
                        "{",
                        "[]",
                        "null",
                        "{}",
                        '"x"',
                        '{"run_id": 5}',
                        '{"name": 5}',
                        '{"experiment_ids": "0"}',
                        '{"tags": {}}',
                    ]
                ),
            )
