"""Calls about experiments and runs."""

from __future__ import annotations

from differing.writer import LONG, NONCE, NUMBERS, STATUSES, STEPS, TIMES, VIEWS, Writer


def experiments(w: Writer) -> None:
    call = w.one(EXPERIMENT_CALLS)
    match call:
        case "create":
            given = (
                {"name": w.name()}
                if w.chance(0.9)
                else {"name": w.one(["", {"*": ["n", 501]}, "Default"])}
            )
            w.add("create_experiment", "experiment", **given, tags=w.tags())
        case "get":
            w.add("get_experiment", experiment_id=w.known("experiment"))
        case "by_name":
            w.add("get_experiment_by_name", name=w.name())
        case "rename":
            w.add(
                "rename_experiment",
                experiment_id=w.known("experiment"),
                new_name=w.one([w.name(), w.name(), w.name(), "", {"*": ["n", 501]}]),
            )
        case "tag":
            w.add(
                "set_experiment_tag",
                experiment_id=w.known("experiment"),
                key=w.key(),
                value=w.value(),
            )
        case "untag":
            w.add("delete_experiment_tag", experiment_id=w.known("experiment"), key=w.key())
        case "delete":
            w.add("delete_experiment", experiment_id=w.known("experiment"))
        case "restore":
            w.add("restore_experiment", experiment_id=w.known("experiment"))
        case "search":
            clauses = [
                lambda: w.text_match(
                    w.one(["name", "attributes.name", "attribute.name"]),
                    [w.name(), f"{NONCE}%", "%A", "%"],
                ),
                lambda: w.text_match(w.named(["tags", "tag"])),
                lambda: w.number_match(
                    w.one(["creation_time", "last_update_time"]), [0, 1, 10**15]
                ),
            ]
            mine = f"name LIKE '{NONCE}%'"
            wanted = w.filter(clauses)
            w.add(
                "search_experiments",
                view=w.one(VIEWS),
                **w.page(),
                filter_string=f"{mine} AND {wanted}" if wanted else mine,
                order_by=w.order(["name", "creation_time", "last_update_time", "experiment_id"]),
            )


EXPERIMENT_CALLS = [
    "create",
    "create",
    "get",
    "by_name",
    "rename",
    "tag",
    "tag",
    "untag",
    "delete",
    "restore",
    "search",
    "search",
    "search",
]


def runs(w: Writer) -> None:
    match w.one(RUN_CALLS):
        case "create":
            names = ["r1", "r2", "größe", {"*": ["n", w.one(LONG[:7])]}]
            name = {"run_name": w.one([*names, "", None] if w.invents else names)}
            w.add(
                "create_run",
                "run",
                experiment_id=w.known("experiment"),
                start_time=w.start(),
                tags=w.tags(),
                **name,
            )
        case "get":
            w.add("get_run", run_id=w.known("run"))
        case "update":
            given = {"status": w.one([*STATUSES, None])} | (
                {"name": w.one(["r3", "", "x" * 250])} if w.chance(0.4) else {}
            )
            w.add("update_run", run_id=w.known("run"), **given)
        case "terminate":
            w.add(
                "set_terminated",
                run_id=w.known("run"),
                status=w.one([*STATUSES[2:], None]),
                end_time=w.one([None, *TIMES[1:]]),
            )
        case "delete":
            w.add("delete_run", run_id=w.known("run"))
        case "restore":
            w.add("restore_run", run_id=w.known("run"))
        case "tag":
            key = (
                w.key()
                if w.chance(0.85)
                else w.one(["mlflow.note.content", "mlflow.parentRunId", "mlflow.user"])
            )
            w.add("set_tag", run_id=w.known("run"), key=key, value=w.value())
        case "untag":
            w.add("delete_tag", run_id=w.known("run"), key=w.key())
        case "metric":
            w.add(
                "log_metric",
                run_id=w.known("run"),
                key=w.key(),
                value=w.one(NUMBERS),
                timestamp=w.one(TIMES),
                step=w.one(STEPS),
            )
        case "param":
            w.add("log_param", run_id=w.known("run"), key=w.key(), value=w.value())
        case "batch":
            if w.chance(0.04):
                kind = w.one(["metrics", "params", "tags"])
                count = w.one([100, 101, 1000, 1001])
                many = [
                    [f"k{i}", 1, 1, 1] if kind == "metrics" else [f"k{i}", "v"]
                    for i in range(count)
                ]
                w.add("log_batch", run_id=w.known("run"), **{kind: many})
                return
            w.add(
                "log_batch",
                run_id=w.known("run"),
                metrics=w.some(lambda: [w.key(), w.one(NUMBERS), w.one(TIMES), w.one(STEPS)]),
                params=w.some(lambda: [w.key(), w.value()]),
                tags=w.some(lambda: [w.key(), w.value()]),
            )
        case "history":
            w.add("get_metric_history", run_id=w.known("run"), key=w.key())
        case "parent":
            w.add("set_tag", run_id=w.known("run"), key="mlflow.parentRunId", value=w.known("run"))
            w.add("get_parent_run", run_id=w.known("run"))
        case "search":
            search_runs(w)


RUN_CALLS = (
    ["create"] * 3
    + ["get"] * 2
    + ["update", "terminate", "delete", "restore", "tag", "untag"]
    + ["metric"] * 4
    + ["param"] * 3
    + ["batch"] * 4
    + ["history"] * 2
    + ["parent"]
    + ["search"] * 6
)


def search_runs(w: Writer) -> None:
    clauses = [
        lambda: w.number_match(w.named(["metrics", "metric"])),
        lambda: w.number_match(w.named(["metrics"])),
        lambda: w.text_match(w.named(["params", "param", "parameters"])),
        lambda: w.text_match(w.named(["tags", "tag"])),
        lambda: f"{w.named(['params', 'tags'])} IS {w.one(['', 'NOT '])}NULL",
        lambda: w.text_match(
            w.one([*NAMES, "attributes.`Run name`", 'attributes."run name"']), ["r1", "r2", "R%"]
        ),
        lambda: w.text_match(
            w.one(["status", "attributes.status"]),
            ["RUNNING", "FINISHED", "FAILED", "finished", "F%"],
        ),
        lambda: w.number_match(
            w.one(["start_time", "attributes.start_time", "end_time", "created"]),
            [0, 1, 10, 1000, 2000],
        ),
        lambda: w.text_match(
            w.one(
                [
                    "user_id",
                    "attributes.artifact_uri",
                    "lifecycle_stage",
                    "attributes.lifecycle_stage",
                    "artifact_uri",
                ]
            ),
            ["x", "%artifacts%", "%", "active", "root"],
        ),
        lambda: f"attributes.run_id {w.one(['IN', 'NOT IN', 'in'])} ('x', '{'0' * 32}')",
        lambda: w.text_match(w.one(["dataset.name", "datasets.digest", "dataset.context"]), DATA),
        lambda: "datasets.name IN ('d1', 'd2')",
    ]
    w.add(
        "search_runs",
        experiment_ids=w.one(
            [[w.known("experiment")], [w.known("experiment"), w.known("experiment")], []]
        ),
        filter_string=w.filter(clauses),
        view=w.one(VIEWS),
        **w.page(),
        order_by=w.order(
            [
                *RUN_ORDERS,
                w.named(["metrics", "params", "tags"]),
                w.named(["metrics"]),
                *([] if w.invents else NAMES),
            ]
        ),
    )


DATA = ["d1", "D%", "g1", "train"]
NAMES = ["run_name", "attributes.run_name", "tags.mlflow.runName"]
RUN_ORDERS = [
    "start_time",
    "end_time",
    "status",
    "user_id",
    "`start_time`",
    "attributes.start_time",
    "Created",
]
