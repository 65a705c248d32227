"""``pegboard runs compare``: runs side by side."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import click
from pegboard.cli import output
from pegboard.entities import Run
from pegboard_stores import formats, named_runs, tables

from pegboard_tracking.commands import common, printing
from pegboard_tracking.commands.columns import differing_params

_LOWER_WORDS = """
    cer cost duration err error errors latency logloss loss mae mape mse msle nll perplexity ppl
    rmse rmsle seconds time wer
"""
_HIGHER_WORDS = """
    acc accuracy ap auc auroc bleu dice f1 iou map mrr ndcg precision r2 recall reward rouge score
    sensitivity specificity throughput
"""
_LOWER, _HIGHER = frozenset(_LOWER_WORDS.split()), frozenset(_HIGHER_WORDS.split())
_MARK, _NO_MARK = " *", "  "
_LEGEND = (
    "* is the best of these runs. The metric's name says whether more or less is better, or else "
    "--maximize and --minimize do."
)


@click.command(
    epilog=output.examples("pegboard runs compare 'rate 0.1' 'rate 0.3' --minimize loss")
)
@click.argument("run", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Also the params that are all the same.")
@click.option("--minimize", multiple=True, metavar="KEY", help="The lower this metric the better.")
@click.option("--maximize", multiple=True, metavar="KEY", help="The higher this metric the better.")
@output.json_option
def compare(
    run: tuple[str, ...],
    everything: bool,
    minimize: tuple[str, ...],
    maximize: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show runs side by side.

    Shown are the params that differ, and all metrics.
    The best value of a metric is marked with '*' where its name tells whether more is better
    (accuracy, r2, f1, … or loss, error, rmse, …), or --minimize or --maximize does.
    """
    if len(set(run)) < 2:
        raise click.UsageError("Give two runs or more.")
    store = common.open_store()
    found = [named_runs.find(store, reference) for reference in run]
    params = (
        _all_keys(each.data.params for each in found)
        if everything
        else (sorted(differing_params(found)))
    )
    directions = {**dict.fromkeys(minimize, -1), **dict.fromkeys(maximize, 1)}
    metrics = _all_keys(each.data.latest for each in found)
    best = {key: _best(key, found, directions.get(key)) for key in metrics}
    if as_json:
        output.print_json(_as_json(found, params, best))
    else:
        _print(found, params, best, everything)


def _all_keys(data: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({key for each in data for key in each})


def direction_of(key: str) -> int:
    """Return 1 if more of a metric is better, -1 if less is, 0 if its name does not tell."""
    words = re.split(r"[^a-z0-9]+", key.lower())
    if _LOWER.intersection(words):
        return -1
    return 1 if _HIGHER.intersection(words) else 0


def _best(key: str, runs: Sequence[Run], direction: int | None) -> list[str]:
    """Return the ids of the runs that have the best value, none if all have or none is known."""
    direction = direction_of(key) if direction is None else direction
    values = {
        run.info.run_id: run.data.metrics[key] * direction
        for run in runs
        if key in run.data.latest and not math.isnan(run.data.metrics[key])
    }
    if not direction or len(set(values.values())) < 2:
        return []
    top = max(values.values())
    return [run_id for run_id, value in values.items() if value == top]


def _as_json(
    runs: Sequence[Run], params: Sequence[str], best: Mapping[str, list[str]]
) -> dict[str, object]:
    return {
        "runs": [
            {
                "run_id": run.info.run_id,
                "run_name": run.info.run_name,
                "experiment_id": run.info.experiment_id,
                "status": run.info.status,
                "start_time": run.info.start_time,
                "end_time": run.info.end_time,
            }
            for run in runs
        ],
        "params": {key: {r.info.run_id: r.data.params.get(key) for r in runs} for key in params},
        "metrics": {key: {r.info.run_id: r.data.metrics.get(key) for r in runs} for key in best},
        "best": best,
    }


def _print(
    runs: Sequence[Run], params: Sequence[str], best: Mapping[str, list[str]], everything: bool
) -> None:
    rows: list[list[str]] = [
        ["id", *(run.info.run_id for run in runs)],
        ["status", *(run.info.status for run in runs)],
        ["started", *(formats.age(run.info.start_time) for run in runs)],
        ["duration", *(formats.duration(run.info.start_time, run.info.end_time) for run in runs)],
    ]
    if output.is_terminal():
        rows[0] = ["id", *(run.info.run_id[:8] for run in runs)]
    titled = [("params." + key, key) for key in params]
    rows += [[title, *(r.data.params.get(key, "-") for r in runs)] for title, key in titled]
    for key, winners in best.items():
        rows.append(["metrics." + key, *(_value(run, key, winners) for run in runs)])
    names = [tables.Column(run.info.run_name, right=True, most=22) for run in runs]
    printing.print_blocks([tables.Column("", style="bold"), *names], rows)
    if any(best.values()):
        output.note(_LEGEND)
    if not everything:
        same = len(_all_keys(run.data.params for run in runs)) - len(params)
        if same:
            output.note(f"The same in all: {formats.counted(same, 'param')}; see --all.")


def _value(run: Run, key: str, winners: Sequence[str]) -> str:
    point = run.data.latest.get(key)
    text = "-" if point is None else formats.number(point.value)
    # Room for the mark everywhere keeps the numbers in line.
    return text + (_MARK if run.info.run_id in winners else _NO_MARK if winners else "")
