"""runs/search over HTTP on large stores, with the answer's JSON."""

from __future__ import annotations

import json
import random
import shutil
import threading
import time

import search
from processes import OURS, available, folder, run
from rows import Row
from server_systems import API, SYSTEMS, Server, serving

_RUNS = {OURS: 50_000, "fasttrackml": 10_000, "mlflow": 10_000}
_PAGE = 100
_REPEATS = 3
_WRITERS = 8
_QUERIES = (
    ("no filter", "", ()),
    ("metric filter", "metrics.m0 > 0.5", ()),
    ("param filter, order by metric", "params.p0 = 'vit'", ("metrics.m1 DESC",)),
    ("tag filter", "tags.stage = 'staging'", ()),
)


def measure(quick: bool) -> list[Row]:
    """Fill each store in the quickest way there is, and search it through its server."""
    times = {
        system: _times(system, _RUNS[system] // 10 if quick else _RUNS[system])
        for system in SYSTEMS
        if available(system)
    }
    ours = times.pop(OURS)
    rows = []
    for number, (name, *_) in enumerate(_QUERIES):
        runs = _RUNS[OURS] // 10 if quick else _RUNS[OURS]
        row = Row(
            f"server: search {runs:,} runs, {name}",
            "ms",
            ours[number],
            goal=30,
            better="less",
            note=f"pages of {_PAGE}" + f"; theirs has {runs // 5:,} runs" * bool(times),
        )
        rows += row.beside({system: found[number] for system, found in times.items()})
    return rows


def _times(system: str, runs: int) -> list[float]:
    """Return the least ms of each query."""
    with folder() as place:
        experiment = "0"
        if system == OURS:
            experiment = "1"
            search.build(place, runs).close()
            shutil.move(place / f"search-{runs}-1.db", place / "runs.db")
        elif system == "mlflow":
            run("search_mlflow", system, place, runs=runs, page=_PAGE, queries=[])
        with serving(system, place) as server:
            if system == "fasttrackml":
                _fill(server, runs)
            return [_least(server, experiment, text, order) for _, text, order in _QUERIES]


def _least(server: Server, experiment: str, text: str, order: tuple[str, ...]) -> float:
    fields = {
        "experiment_ids": [experiment],
        "filter": text,
        "order_by": order,
        "max_results": _PAGE,
    }
    body = json.dumps(fields).encode()
    spent = []
    for _ in range(_REPEATS):
        begin = time.perf_counter()
        answer = server.call("POST", f"{API}/runs/search", body)
        spent.append(time.perf_counter() - begin)
        found = len(json.loads(answer)["runs"])
        if found != _PAGE:
            raise RuntimeError(f"{server.system} found {found} runs by {text!r}")
    return min(spent) * 1000


def _fill(server: Server, runs: int) -> None:
    """Write the runs of MLflow's store through the server."""
    threads = [
        threading.Thread(target=_write, args=(server, runs // _WRITERS, seed))
        for seed in range(_WRITERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _write(server: Server, runs: int, seed: int) -> None:
    draw = random.Random(seed)
    own = Server(server.system, server.port, server.process, 0)
    models = ("resnet", "vit", "mlp", "forest", "svm")
    for _ in range(runs):
        metrics = [
            {"key": f"m{i}", "value": draw.random(), "timestamp": 1, "step": 9} for i in range(10)
        ]
        params = [{"key": f"p{i}", "value": str(draw.randrange(1000))} for i in range(1, 10)]
        params.append({"key": "p0", "value": draw.choice(models)})
        tags = [{"key": f"t{i}", "value": f"note {draw.randrange(1000)}"} for i in range(1, 5)]
        tags.append({"key": "stage", "value": draw.choices(("dev", "staging"), (90, 10))[0]})
        batch = {"run_id": own.create_run(), "metrics": metrics, "params": params, "tags": tags}
        own.post("runs/log-batch", batch)
