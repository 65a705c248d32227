"""How long the server works for the table of runs, of a store of 50,000 runs with 1,000 keys.

``.venv/bin/python tests/benchmarks/ui_table.py FOLDER [--runs N] [--keys N] [--per-run N]`` prints
milliseconds of each endpoint: the first time, after a change of the store, and when nothing has
changed. The store is kept in FOLDER, and made if it is not there.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from pegboard.config import Config
from pegboard.entities import RunTag
from pegboard.host import Host
from pegboard_ui.endpoints import ROOMS
from pegboard_wire.http import Answer, Call, Identity
from pegboard_wire.rooms import places_of
from ui_store import Large, build

COLUMNS = [
    *("metrics.acc", "metrics.loss", "metrics.val/acc", "metrics.val/loss", "metrics.val/f1"),
    *("metrics.lr", "params.opt", "params.lr", "params.batch_size", "params.seed", "params.model"),
    "attributes.duration",
]
FILTER = "metrics.acc > 0.5 AND params.opt = 'adam'"
PAGE: dict[str, Any] = {"cols": COLUMNS, "sort": "-metrics.acc", "q": FILTER}
ASKED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("table: first visit", "table", {}),
    ("table: first visit, tree", "table", {"tree": "true"}),
    ("table: 12 columns, filter, sort by metric", "table", PAGE),
    ("table: the same, far down", "table", {**PAGE, "offset": "4000"}),
    ("table: sort by metric", "table", {"cols": COLUMNS, "sort": "-metrics.acc"}),
    ("table: sort by metric, row 40,000", "table", {**PAGE, "q": "", "offset": "40000"}),
    ("table: sort by param", "table", {"cols": COLUMNS, "sort": "params.model"}),
    ("table: sort by duration", "table", {"cols": COLUMNS, "sort": "-attributes.duration"}),
    ("table: wide filter", "table", {"cols": COLUMNS, "q": "metrics.acc > 0.1"}),
    ("table: filter, tree", "table", {**PAGE, "tree": "true"}),
    ("table: sparks", "table", {"cols": COLUMNS, "spark": "acc"}),
    ("table: words", "table", {"cols": COLUMNS, "q": "promising look"}),
    ("table: groups", "table", {"group": "params.opt"}),
    ("table: groups, filter", "table", {"group": "params.opt", "q": "metrics.acc > 0.5"}),
    ("keys: first 200", "keys", {}),
    ("keys: part of a name", "keys", {"q": "layer/1"}),
    ("keys: all 5,000", "keys", {"limit": "5000"}),
    ("values: 5 different", "values", {"column": "params.opt"}),
    ("values: 50,000 different, typed", "values", {"column": "params.seed", "q": "12"}),
    ("values: tag", "values", {"column": "tags.stage"}),
    ("histogram: 6 columns", "histogram", {"columns": COLUMNS[:6], "bins": "14"}),
    ("histogram: 6 columns, filter", "histogram", {"columns": COLUMNS[:6], "q": FILTER}),
    (
        "histogram: 6 columns, wide filter",
        "histogram",
        {"columns": COLUMNS[:6], "q": "metrics.acc > 0.1"},
    ),
    ("histogram: params", "histogram", {"columns": COLUMNS[6:], "bins": "14"}),
)


def asking(host: Host, store: Large) -> Callable[[str, Mapping[str, Any]], Answer]:
    """Return what asks an endpoint as the server does, in this process."""
    known = {place.path.rpartition("/")[2]: place for place in places_of(ROOMS)}
    headers = {"accept-encoding": "gzip"}

    def ask(name: str, fields: Mapping[str, Any]) -> Answer:
        given = {"experiment_ids": store.experiment_id, **fields}
        call = Call(host, Identity("me", frozenset()), given, headers, tracking_uri=store.uri)
        answer = known[name].load().handle(call)
        assert isinstance(answer, Answer)
        assert answer.status == 200, answer.content
        return answer

    return ask


def main(store: Large, repeats: int = 5) -> None:
    """Print the table."""
    host = Host(Config())
    tracking = host.tracking_store(store.uri)
    [run] = tracking.search_runs([store.experiment_id], max_results=1)
    ask = asking(host, store)
    print(f"{'ms, of ' + store.path.name:52} {'first':>9} {'changed':>9} {'again':>9} {'bytes':>9}")
    for label, name, fields in ASKED:
        changed, again, size = [], [], 0
        for number in range(repeats):
            tracking.log_batch(run.info.run_id, tags=[RunTag("touched", str(number))])
            for times in (changed, again):
                begun = perf_counter()
                answer = ask(name, fields)
                times.append(1000 * (perf_counter() - begun))
                size = len(answer.content)  # type: ignore[arg-type]
        print(
            f"{label:52} {changed[0]:9.1f} {statistics.median(changed):9.1f}"
            f" {statistics.median(again):9.1f} {size:9}"
        )
    host.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=50_000)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--per-run", type=int, default=60)
    given = parser.parse_args()
    main(build(given.folder, given.runs, given.keys, given.per_run))
