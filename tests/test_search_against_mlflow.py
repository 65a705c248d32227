"""Searches, beside the answers of the real MLflow for the same runs (T13)."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import mlflow_database
from pegboard.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from pegboard.errors import FilterError, InvalidValue
from pegboard_tracking.store.sqlite import SqliteStore

START = 1_700_000_000_000


def _run(number: int) -> dict[str, Any]:
    """Return a run of many sorts: what it has and lacks depends on its number."""
    metrics: dict[str, float] = {"step": float(number % 4)}
    if number % 3:
        metrics["loss"] = [0.1, 0.5, math.nan, math.inf, -math.inf, -2.25, 0.0, 1e-9][number % 8]
    if number % 5 == 0:
        metrics["val/acc"] = number / 60
    if number % 7 == 0:
        metrics["weird key: a.b-c"] = float(number)
    params = {"model": ["resnet", "ResNet", "vit", "res_net", "r%t", ""][number % 6]}
    if number % 2:
        params["lr"] = ["0.1", "1e-3", "10", "nan", "0.10"][number % 5]
    if number % 11 == 0:
        params["long"] = "x" * 300 + str(number)
    if number % 13 == 0:
        params["a b"] = "größe"
    tags = {"stage": ["dev", "Dev", "prod"][number % 3]}
    if number % 4 == 0:
        tags["note"] = ["über", "ÜBER", "it's", 'say "hi"', "100%", "a_b"][number % 6]
    if number % 6 == 0:
        tags["mlflow.source.name"] = "train.py"
    return {
        "id": f"{number * 37 % 100:02d}{'ab' * 15}",
        "name": f"run {number}" if number % 9 else f"Run-{number}",
        "experiment": number % 2,
        "user": ["ann", "bob", "Ann"][number % 3],
        "status": ["FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED"][number % 5],
        "start": START + (number // 2) * 1000,
        "end": START + number * 1500 if number % 5 < 3 else None,
        "metrics": metrics,
        "params": params,
        "tags": tags,
        "datasets": [
            {"name": f"data{i}", "digest": f"d{number % 3}", "context": context}
            for i, context in enumerate(["training", "eval"][: number % 3])
        ],
        "deleted": number % 10 == 7,
    }


RUNS = [_run(number) for number in range(60)]

MATCHING = """
metrics.loss > 0
metric.loss >= 0.1
metrics.loss < 0
metrics.loss <= -2.25
metrics.loss = 0.5
metrics.loss != 0.5
metrics.loss != 0
metrics.loss = 0
metrics.loss > 1e300
metrics.loss < -1e300
metrics.loss < .5 AND metrics.loss > -1.
metrics.loss > -1E5
metrics.step = 2 and metrics.loss < 1
metrics.`val/acc` > 0.5
metrics."val/acc" <= 0.5
metrics.`weird key: a.b-c` > 10
metrics."weird key: a.b-c" != 14
metrics.unknown > 0
metrics.unknown != 0
params.model = 'resnet'
param.model = "resnet"
parameter.model != 'resnet'
parameters.model LIKE 'res%'
params.model like '%NET'
params.model ILIKE 'RES%'
params.model ilike '%_net%'
params.model LIKE 'res_net'
params.model LIKE 'r%t'
params.model = 'r%t'
params.model LIKE '%'
params.model = ''
params.model != ''
params.lr = '0.1'
params.lr != '0.1'
params.lr LIKE '%1%'
params.lr IS NULL
params.lr IS NOT NULL
params.lr is null AND params.model is not null
params.long LIKE 'xxx%'
params.long LIKE '%33'
params.long ILIKE '%X11'
params.`a b` = 'größe'
params."a b" LIKE 'gr__e'
params.`a b` IS NOT NULL
params.unknown IS NULL
params.unknown != 'x'
tags.stage = 'dev'
tag.stage != 'dev'
tags.stage ILIKE 'DEV'
tags.stage LIKE 'D%'
tags.note = 'über'
tags.note ILIKE 'ÜBER'
tags.note ILIKE 'über'
tags.note = "it's"
tags.note = 'say "hi"'
tags.note = '100%'
tags.note LIKE '100%'
tags.note LIKE '%[%]%'
tags.note LIKE '*'
tags.note LIKE 'a_b'
tags.note IS NULL
tags.note IS NOT NULL AND tags.stage = 'prod'
tags.mlflow.source.name = 'train.py'
tags.`mlflow.source.name` != 'other.py'
tags."mlflow.runName" = 'run 5'
tags.mlflow.runName LIKE 'Run-%'
attributes.status = 'FINISHED'
attribute.status != 'FINISHED'
attr.status LIKE 'F%'
run.status ILIKE 'f%'
status = 'finished'
status = "KILLED"
run_name = 'run 5'
attributes.run_name != 'run 5'
run_name LIKE 'run%'
run_name ILIKE 'RUN-%'
`run name` = 'run 10'
"Run Name" = 'run 10'
attributes.`Run name` LIKE 'run 1%'
user_id = 'ann'
user_id ILIKE 'ANN'
start_time > 1700000010000
attributes.start_time <= 1700000010000
created >= 1700000020000
Created = 1700000020000
start_time > 1700000010000.5
end_time > 1700000030000
end_time != 1700000030000
end_time < 1
run_id = '37abababababababababababababababab'
run_id IN ('37abababababababababababababababab', '00abababababababababababababababab')
run_id NOT IN ('37abababababababababababababababab')
run_id IN ('nothing',)
run_id LIKE '3%'
dataset.name = 'data0'
datasets.name != 'data0'
datasets.digest = 'd1'
dataset.digest IN ('d1', 'd2')
dataset.name NOT IN ('data0')
dataset.context = 'training'
dataset.context LIKE 'ev%'
dataset.context != 'training'
dataset.name = 'data1' AND dataset.context = 'training' AND dataset.digest LIKE 'd_'
metrics.loss > 0 AND params.model ILIKE '%res%' AND tags.stage != 'prod' AND status = 'FINISHED'
""".strip().splitlines()

WRONG = """
metrics.loss > 'a'
metrics.loss
metrics.loss >
metrics.loss == 1
metrics.loss <> 1
metrics.loss LIKE 'a'
metrics.loss > nan
metrics.loss > inf
metrics.loss > 0x1F
metrics.val/acc > 1
metrics.val-acc > 1
Metrics.loss > 1
metric loss > 1
1 < metrics.loss
params.model > 'a'
params.model = resnet
params.model NOT LIKE 'a'
tags.stage = 5
tags.stage > 'a'
tags.stage = 'dev
status = FINISHED
status > 'a'
unknown = 'a'
attributes.unknown = 'a'
attributes.experiment_id = '1'
start_time = 'a'
start_time LIKE 'a'
run_id IN ()
run_id IN (1)
run_id IN 'a'
dataset.source = 'a'
dataset.name > 'a'
dataset.name = 5
status = 'a';
status = 'a' -- b
status = 'a' & status = 'b'
tags.a:b = 'x'
""".strip().splitlines()

ORDERS = [
    [],
    ["metrics.loss"],
    ["metrics.loss ASC"],
    ["metrics.loss DESC"],
    ["metric.`val/acc` desc", "metrics.step ASC"],
    ['metrics."weird key: a.b-c"'],
    ["metrics.step DESC", "metrics.loss"],
    ["metrics.unknown DESC"],
    ["params.model"],
    ["params.model DESC", "tags.stage"],
    ["params.lr", "params.model DESC"],
    ["params.long DESC"],
    ["param.`a b` ASC"],
    ["tags.stage", "tag.note DESC"],
    ["tags.mlflow.source.name DESC"],
    ["attributes.start_time ASC"],
    ["start_time DESC"],
    ["created"],
    ["end_time"],
    ["end_time DESC", "metrics.loss"],
    ["status", "run_id DESC"],
    ["run_id"],
    ["run_name"],
    ["attribute.run_name DESC"],
    ["user_id DESC", "start_time"],
    ["`metrics.loss` DESC"],
]

WRONG_ORDERS = [
    ["metrics.loss SIDEWAYS"],
    ["metrics.loss ASC DESC"],
    ["metrics.loss, metrics.step"],
    ["metrics.val/acc"],
    ["unknown"],
    ["attributes.unknown DESC"],
    ["dataset.name"],
    [""],
    ["metrics.loss", "metrics.loss DESC"],
]

EXPERIMENTS = [
    {"name": f"{['Vision', 'vision', 'text'][number % 3]} {number}",
     "tags": {"team": ["a", "B", "b"][number % 3]} if number % 2 else {}}
    for number in range(8)
]  # fmt: skip

EXPERIMENT_FILTERS = """
name = 'text 2'
name != 'text 2'
name LIKE 'vision%'
name ILIKE 'vision%'
attribute.name = 'text 5'
experiment_id = '3'
experiment_id != '3'
experiment_id IN ('1', '2', '99')
experiment_id NOT IN ('1')
tags.team = 'a'
tag.team != 'a'
tags.`team` ILIKE 'b'
tags.team LIKE 'b'
tags.team IS NULL
tags.team IS NOT NULL AND name LIKE '%n%'
tags.none != 'x'
creation_time > 1
last_update_time < 1
""".strip().splitlines()

WRONG_EXPERIMENT_FILTERS = """
attributes.name = 'x'
metrics.a > 1
params.a = 'x'
status = 'x'
lifecycle_stage = 'active'
name > 'x'
experiment_id > '1'
experiment_id LIKE '1'
creation_time = 'x'
tags.team = 5
""".strip().splitlines()

EXPERIMENT_ORDERS = [
    ["name"],
    ["name DESC"],
    ["experiment_id"],
    ["experiment_id DESC"],
    ["attribute.name ASC"],
]
WRONG_EXPERIMENT_ORDERS = [["tags.team"], ["metrics.a"], ["unknown"], ["name UP"]]

VIEWS = {"active": ViewType.ACTIVE_ONLY, "deleted": ViewType.DELETED_ONLY, "all": ViewType.ALL}


def _run_queries() -> list[dict[str, Any]]:
    queries: list[dict[str, Any]] = []
    for text in MATCHING + WRONG:
        queries.append({"filter": text, "order": [], "view": "active", "experiments": [0, 1]})
    for order in ORDERS + WRONG_ORDERS:
        queries.append({"filter": "", "order": order, "view": "all", "experiments": [0, 1]})
    for view in VIEWS:
        for experiments in ([0], [1], []):
            queries.append(
                {
                    "filter": "metrics.step >= 1 AND tags.stage LIKE '%e%'",
                    "order": ["metrics.loss DESC", "params.model"],
                    "view": view,
                    "experiments": experiments,
                }
            )
    return queries


def _experiment_queries() -> list[dict[str, Any]]:
    filters = EXPERIMENT_FILTERS + WRONG_EXPERIMENT_FILTERS
    orders = EXPERIMENT_ORDERS + WRONG_EXPERIMENT_ORDERS
    return [{"filter": text, "order": ["name"]} for text in filters] + [
        {"filter": "", "order": order} for order in orders
    ]


RUN_QUERIES, EXPERIMENT_QUERIES = _run_queries(), _experiment_queries()

MLFLOW = """
import json, sys
from mlflow.entities import (
    Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag, ViewType, ExperimentTag,
)
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
import mlflow.store.tracking.sqlalchemy_store as module

work = json.load(sys.stdin)
folder = sys.argv[1]
store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts")
ids = []

class Uuid:
    hex = ""

for each in work["experiments"]:
    tags = [ExperimentTag(k, v) for k, v in each["tags"].items()]
    ids.append(store.create_experiment(each["name"], tags=tags))
for run in work["runs"]:
    Uuid.hex = run["id"]
    module.uuid = type("Module", (), {"uuid4": lambda: Uuid})
    store.create_run(ids[run["experiment"]], run["user"], run["start"], [], run["name"])
    store.log_batch(
        run["id"],
        [Metric(k, float(v), run["start"], 0) for k, v in run["metrics"].items()],
        [Param(k, v) for k, v in run["params"].items()],
        [RunTag(k, v) for k, v in run["tags"].items()],
    )
    import uuid as real
    module.uuid = real
    store.log_inputs(
        run["id"],
        [
            DatasetInput(
                Dataset(d["name"], d["digest"], "local", "{}"),
                [InputTag("mlflow.data.context", d["context"])],
            )
            for d in run["datasets"]
        ],
    )
    store.update_run_info(
        run["id"], RunStatus.from_string(run["status"]), run["end"], run["name"]
    )
    if run["deleted"]:
        store.delete_run(run["id"])

def answer(search):
    try:
        return [search()]
    except (MlflowException, ValueError) as error:
        return None

views = {"active": ViewType.ACTIVE_ONLY, "deleted": ViewType.DELETED_ONLY, "all": ViewType.ALL}
runs = [
    answer(
        lambda: [
            run.info.run_name
            for run in store.search_runs(
                [ids[i] for i in q["experiments"]], q["filter"], views[q["view"]], 1000, q["order"]
            )
        ]
    )
    for q in work["run_queries"]
]
experiments = [
    answer(
        lambda: [
            e.name
            for e in store.search_experiments(filter_string=q["filter"], order_by=q["order"])
        ]
    )
    for q in work["experiment_queries"]
]
print("ANSWERS" + json.dumps({"ids": ids, "runs": runs, "experiments": experiments}))
"""


@pytest.fixture(scope="module")
def theirs(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return MLflow's answer to each query: a list in a list, or None for an error."""
    work = {
        "experiments": EXPERIMENTS,
        "runs": RUNS,
        "run_queries": RUN_QUERIES,
        "experiment_queries": EXPERIMENT_QUERIES,
    }
    folder = tmp_path_factory.mktemp("mlflow")
    mlflow_database(folder / "mlflow.db")
    done = subprocess.run(
        [str(mlflow_python), "-c", MLFLOW, str(folder)],
        input=json.dumps(work),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.split("ANSWERS")[1])
    return answers


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqliteStore, list[str]]]:
    """Return our store with the same runs, and the ids of its experiments."""
    store = SqliteStore(tmp_path_factory.mktemp("pegboard") / "ours.db")
    ids = [
        store.create_experiment(each["name"], tags=each["tags"]).experiment_id
        for each in EXPERIMENTS
    ]
    for run in RUNS:
        _add(store, ids[run["experiment"]], run)
    yield store, ids
    store.close()


def _add(store: SqliteStore, experiment: str, run: dict[str, Any]) -> None:
    name = run["id"]
    store.create_run(
        experiment,
        run_id=name,
        run_name=run["name"],
        user_id=run["user"],
        start_time=run["start"],
    )
    store.log_batch(
        name,
        metrics=[Metric(k, v, run["start"]) for k, v in run["metrics"].items()],
        params=[Param(k, v) for k, v in run["params"].items()],
        tags=[RunTag(k, v) for k, v in run["tags"].items()],
    )
    store.log_inputs(
        name,
        [
            DatasetInput(
                Dataset(each["name"], each["digest"], "local", "{}"),
                [InputTag("mlflow.data.context", each["context"])],
            )
            for each in run["datasets"]
        ],
    )
    store.update_run(name, status=RunStatus(run["status"]), end_time=run["end"])
    if run["deleted"]:
        store.delete_run(name)


@pytest.mark.parametrize(
    "number", range(len(RUN_QUERIES)), ids=[f"{q['filter']} {q['order']}" for q in RUN_QUERIES]
)
def test_runs_are_found_as_mlflow_finds_them(
    number: int, theirs: dict[str, Any], ours: tuple[SqliteStore, list[str]]
) -> None:
    store, ids = ours
    query = RUN_QUERIES[number]
    try:
        found = store.search_runs(
            [ids[place] for place in query["experiments"]],
            filter=query["filter"],
            order_by=query["order"],
            view=VIEWS[query["view"]],
        )
        answer = [[run.info.run_name for run in found]]
    except FilterError:
        answer = None
    assert answer == theirs["runs"][number]
    wrong = query["filter"] in WRONG or query["order"] in WRONG_ORDERS
    assert (answer is None) == wrong


@pytest.mark.parametrize(
    "number",
    range(len(EXPERIMENT_QUERIES)),
    ids=[f"{q['filter']} {q['order']}" for q in EXPERIMENT_QUERIES],
)
def test_experiments_are_found_as_mlflow_finds_them(
    number: int, theirs: dict[str, Any], ours: tuple[SqliteStore, list[str]]
) -> None:
    store, _ = ours
    query = EXPERIMENT_QUERIES[number]
    try:
        found = store.search_experiments(filter=query["filter"], order_by=query["order"])
        answer = [[experiment.name for experiment in found]]
    except InvalidValue:
        answer = None
    assert answer == theirs["experiments"][number]
    wrong = query["filter"] in WRONG_EXPERIMENT_FILTERS
    assert (answer is None) == (wrong or query["order"] in WRONG_EXPERIMENT_ORDERS)
