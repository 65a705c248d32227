"""``pegboard eval``: looks at evaluations, and compares two of them; see ``suites`` for forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import command_line
from pegboard_scripting.client import Client
from pegboard_stores import formats, tables
from pegboard_stores.evaluations import Rows

from pegboard_evaluation import comparing
from pegboard_evaluation.comparing import BETTER, WORSE, Comparison, Paired

_NUMBERS = ("Before", "After", "Difference", "Won", "Lost", "Equal", "Rows")


@click.group(
    "eval",
    epilog=output.examples(
        "pegboard eval run capitals.eval.yaml",
        "pegboard eval show RUN",
        "pegboard eval compare BEFORE AFTER",
    ),
)
def evaluations() -> None:
    """Test prompts and models, look at evaluations, and compare two of them."""


def _client() -> Client:
    config = open_host(click.get_current_context()).config
    return Client(config.pegboard.tracking_uri, config.pegboard.models_uri)


@click.command(
    epilog=output.examples(
        "pegboard eval compare BEFORE AFTER",
        "pegboard eval compare BEFORE AFTER --by region --fail-on not-better",
        "pegboard eval compare BEFORE AFTER --metric correct --junit report.xml",
    )
)
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--metric", "metrics", multiple=True, help="Only this metric; may be repeated.")
@click.option(
    "--less-is-better", "less", multiple=True, metavar="METRIC", help="Of this metric, less is."
)
@click.option("--by", multiple=True, metavar="COLUMN", help="Compare each value's rows apart.")
@click.option(
    "--fail-on",
    type=click.Choice(["worse", "not-better", "never"]),
    default="worse",
    show_default=True,
    help="Exit with 1 if a metric is surely worse, or is not surely better.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the verdicts for a CI system into this file.",
)
@output.json_option
def compare(
    before: str,
    after: str,
    metrics: Sequence[str],
    less: Sequence[str],
    by: Sequence[str],
    fail_on: str,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Compare two evaluations of the same rows.

    BEFORE and AFTER are runs, by id or name. Rows are paired by their inputs and targets: some won,
    some lost, others are equal. An interval holds the mean difference of 95 of 100 such tables; a
    metric is better or worse if 0 is not in it.
    """
    found = comparing.compare(
        before,
        after,
        metrics=list(metrics) or None,
        greater_is_better=dict.fromkeys(less, False),
        by=list(by),
        client=_client(),
    )
    failed = _failed(found, fail_on)
    if junit is not None:
        junit.write_text(_junit(found, failed), encoding="utf-8")
    if as_json:
        output.print_json(found.plain())
    else:
        _print(found)
    if failed:
        click.get_current_context().exit(1)


def _failed(found: Comparison, fail_on: str) -> list[str]:
    """Return the metrics for which the command fails, of all rows and of slices."""
    if fail_on == "never":
        return []
    every = {"": found.metrics, **found.slices}
    if fail_on == "not-better":
        every = {"": found.metrics}
    return [
        f"{name}/{metric}" if name else metric
        for name, metrics in every.items()
        for metric, paired in metrics.items()
        if (paired.verdict == WORSE if fail_on == "worse" else paired.verdict != BETTER)
    ]


def _print(found: Comparison) -> None:
    columns = [
        tables.Column("Metric", style="bold"),
        *(tables.Column(title, right=True) for title in _NUMBERS),
        tables.Column("Interval", right=True),
        tables.Column("Verdict", styles={WORSE: "red", BETTER: "green"}),
    ]
    rows = [_cells(name, each) for name, each in found.metrics.items()]
    for name, metrics in found.slices.items():
        rows += [_cells(f"{name}: {metric}", each) for metric, each in metrics.items()]
    tables.note_hidden(tables.print_table(columns, rows))
    for each in found.metrics.values():
        if each.lost_rows:
            worst = ", ".join(
                f"{row.id} ({formats.number(row.before)} → {formats.number(row.after)})"
                for row in each.lost_rows[:5]
            )
            output.note(f"Rows that lost most by {each.metric}: {worst}")
    for count, where in ((found.only_before, "before"), (found.only_after, "after")):
        if count:
            output.note(f"{formats.counted(count, 'row')} only {where}: not compared.")


def _cells(name: str, each: Paired) -> list[str]:
    interval = "-"
    if each.interval is not None:
        interval = " … ".join(formats.number(end) for end in each.interval)
    numbers = [formats.number(x) for x in (each.before, each.after, each.difference)]
    counts = [str(count) for count in (each.won, each.lost, each.equal, each.rows)]
    return [name, *numbers, *counts, interval, each.verdict]


def _junit(found: Comparison, failed: Sequence[str]) -> str:
    """Return a report of JUnit's form: a case for each metric, of all rows and of each slice."""
    every = {"all rows": found.metrics, **found.slices}
    count = sum(len(metrics) for metrics in every.values())
    suite = ElementTree.Element(
        "testsuite", name="pegboard eval compare", tests=str(count), failures=str(len(failed))
    )
    for where, metrics in every.items():
        for name, each in metrics.items():
            case = ElementTree.SubElement(suite, "testcase", classname=where, name=name)
            said = (
                f"{formats.number(each.before)} became {formats.number(each.after)}: "
                f"{each.won} won, {each.lost} lost, {each.equal} equal; {each.verdict}"
            )
            if (name if where == "all rows" else f"{where}/{name}") in failed:
                ElementTree.SubElement(case, "failure", message=said)
            else:
                ElementTree.SubElement(case, "system-out").text = said
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


@click.command(epilog=output.examples("pegboard eval show RUN", "pegboard eval show RUN --rows 5"))
@click.argument("run")
@click.option(
    "--rows", type=click.IntRange(min=0), default=0, help="Show so many rows with their scores."
)
@output.json_option
def show(run: str, rows: int, as_json: bool) -> None:
    """Show what an evaluation measured: each figure, how sure it is, and what was skipped.

    RUN is the run's id or name.
    """
    client = _client()
    found = comparing.figures_of(run, client)
    kept = comparing.rows_of(run, client) if rows else None
    if as_json:
        shown = {} if kept is None else {"scores": _first_rows(kept, rows)}
        output.print_json({**found, **shown})
        return
    output.note(f"{found['kind'] or 'metrics'} on {formats.counted(found['rows'], 'row')}")
    figures = [each for each in found["figures"] if each["value"] is not None]
    columns = [
        tables.Column("Metric", style="bold"),
        tables.Column("Value", right=True),
        tables.Column("Interval", right=True),
        tables.Column("Rows", right=True),
        tables.Column("Failed", right=True, styles={"0": "dim"}),
    ]
    tables.note_hidden(tables.print_table(columns, [_figure(each) for each in figures]))
    for name, why in found["skipped"].items():
        output.note(f"Skipped: {name}. {why}")
    if kept is not None:
        first = _first_rows(kept, rows)
        titles = list(first[0]) if first else []
        lines = [list(each.values()) for each in first]
        tables.note_hidden(tables.print_table([tables.Column(t, most=40) for t in titles], lines))
    elif found["rows"]:
        output.note(f"Its rows: {command_line('pegboard', 'eval', 'show', run, '--rows', 10)}")


def _figure(each: dict[str, Any]) -> list[str]:
    interval = each["interval"]
    ends = " … ".join(formats.number(end) for end in interval) if interval else "-"
    counts = [str(each["count"]), str(each["failed"])]
    return [each["name"], formats.number(each["value"]), ends, *counts]


def _first_rows(kept: Rows, most: int) -> list[dict[str, Any]]:
    columns: dict[str, Sequence[Any]] = {"id": kept.ids}
    if kept.targets is not None:
        columns["target"] = kept.targets
    if kept.outputs is not None:
        columns["output"] = kept.outputs
    columns |= kept.scores
    return [
        {name: column[row] for name, column in columns.items()}
        for row in range(min(most, len(kept.ids)))
    ]
