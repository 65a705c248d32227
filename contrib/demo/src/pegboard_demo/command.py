"""``pegboard demo``."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click
import pegboard
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import PegboardError

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard.entities.registry import ModelVersion

_RUN = "from pegboard.cli import main; main()"


@click.command(epilog=output.examples("pegboard demo"))
@click.option(
    "--open/--no-open",
    "opens",
    default=None,
    help="Whether to serve and open the web interface. [default: in a terminal]",
)
@output.json_option
@click.pass_context
def demo(ctx: click.Context, opens: bool | None, as_json: bool) -> None:
    """Train real models on real data, then find them again by search.

    Four scikit-learn models learn to predict the progression of diabetes. Parameters, curves,
    pictures, tables, the data and the models are tracked in the configured store; the best one is
    registered and asked some questions, which are traced. It takes some seconds, and every call
    adds new runs to the same experiment. In a terminal, the web interface is opened in the end.
    """
    began = time.monotonic()
    host = open_host(ctx, creates_stores=True)
    say = (lambda _: None) if as_json else output.note
    say("Training four models on scikit-learn's diabetes data.")
    say("  loading scikit-learn and matplotlib …")
    # They take seconds to import: not before the first word is out.
    from pegboard_demo.training import EXPERIMENT, compare_models

    this = compare_models(trained=lambda name, r2: say(f"  trained {name}, r2 {r2:.3f}"))
    runs = _search(EXPERIMENT, this)
    version = _register(runs)
    traces = _ask(runs[0])
    program = _program(ctx)
    commands = _next_commands(program, EXPERIMENT, runs)
    serve = None if version is None else _line(program, _serving(version))
    if as_json:
        output.print_json(
            {
                "experiment_name": EXPERIMENT,
                "runs": [_facts(run) for run in runs],
                "model_uri": None if version is None else version.model_uri,
                "trace_ids": traces,
                "next_commands": commands,
                "serve_command": serve,
            }
        )
        return
    click.echo(f"Tracked in {pegboard.get_tracking_uri()}, found again by search, best first:\n")
    _print_table(runs)
    click.echo(f"\nDone in {time.monotonic() - began:.1f} s. What to try next:\n")
    for command in commands:
        click.echo(f"  {command}")
    if version is not None:
        click.echo(f"\nThe best is {version.model_uri} now. Let it answer requests:\n\n  {serve}")
    python = _line(program[: program.index("pegboard")], ["python", "script.py"])
    click.echo(f"\nA script of yours that imports pegboard is run like any other: {python}")
    if "ui" in host.commands():
        _show_page(ctx, program, sys.stdout.isatty() if opens is None else opens)


def _show_page(ctx: click.Context, program: list[str], opens: bool) -> None:
    """Serve the web interface until it is stopped; or say how to."""
    if not opens:
        click.echo(f"\nLook at it all in the browser:\n\n  {_line(program, ['ui'])}")
        return
    click.echo("\nLook at it all in the browser (Ctrl-C stops this):\n")
    command = [sys.executable, "-c", _RUN, *_global_options(ctx), "ui"]
    # Whatever ends this process ends the page too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with subprocess.Popen(command) as page, contextlib.suppress(KeyboardInterrupt):
        try:
            page.wait()
        finally:
            page.terminate()


def _register(runs: list[Run]) -> ModelVersion | None:
    """Register the best two; say so if the store has no place for that."""
    from pegboard_demo.training import register

    try:
        return register(runs)
    except PegboardError as error:
        output.note(f"The best model is not registered: {error.message}")
        return None


def _ask(best: Run) -> list[str]:
    """Ask the best model questions; say so if the store has no place for traces."""
    from pegboard_demo.questions import ask_questions

    try:
        return ask_questions(best)
    except PegboardError as error:
        output.note(f"What the best model answers is not traced: {error.message}")
        return []


def _serving(version: ModelVersion) -> list[str]:
    return ["models", "serve", "-m", version.model_uri, "--port", "5001"]


def _search(experiment: str, this: str) -> list[Run]:
    found: list[Run] = pegboard.search_runs(
        experiment_names=[experiment],
        filter_string=f"tags.round = '{this}'",
        order_by=["metrics.r2 DESC"],
        output_format="list",
    )
    return found


def _facts(run: Run) -> dict[str, object]:
    return {
        "run_id": run.info.run_id,
        "run_name": run.info.run_name,
        "status": run.info.status,
        "params": run.data.params,
        "metrics": run.data.metrics,
    }


def _print_table(runs: list[Run]) -> None:
    metrics = ("r2", "rmse", "mae")
    output.print_columns(
        ["Model", "Run ID", *metrics, "Train rmse"],
        [
            [
                run.info.run_name,
                run.info.run_id,
                *(f"{run.data.metrics[key]:.6g}" for key in (*metrics, "train_rmse")),
            ]
            for run in runs
        ],
    )


def _program(ctx: click.Context) -> list[str]:
    """Return how to call pegboard so that it finds these runs again."""
    # Started by 'uv run', pegboard is on the path of this process, not of the user's shell.
    program = ["uv", "run", "pegboard"] if "UV_RUN_RECURSION_DEPTH" in os.environ else ["pegboard"]
    return program + _global_options(ctx)


def _global_options(ctx: click.Context) -> list[str]:
    options: list[str] = []
    for option, name in (("--config", "config"), ("--tracking-uri", "tracking_uri")):
        if value := ctx.find_root().params.get(name):
            options += [option, value]
    return options


def _next_commands(program: list[str], experiment: str, runs: list[Run]) -> list[str]:
    best, second = (run.info.run_id[:8] for run in runs[:2])
    calls = [
        ["runs", "list", "--filter", "metrics.r2 > 0.4"],
        ["runs", "compare", best, second],
        ["runs", "show", best],
        ["artifacts", "list", "-r", best],
        ["models", "list"],
        ["artifacts", "download", best, "learning_curve.png"],
        ["runs", "export", "-x", experiment, "--history", "-o", "curves.csv"],
    ]
    return [_line(program, call) for call in calls]


def _line(program: list[str], call: list[str]) -> str:
    return " ".join(map(_quoted, [*program, *call]))


def _quoted(word: str) -> str:
    """Quote a word for a shell: in double quotes, which all of them know, where that is safe."""
    if shlex.quote(word) == word:
        return word
    return shlex.quote(word) if set(word) & set('"$`\\!%') else f'"{word}"'
