"""What a test form came to: for people, for programs, and for CI systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import attrs
import click
from pegboard.cli import output
from pegboard_stores import formats, tables

from pegboard_evaluation.comparing import BETTER, WORSE, Comparison
from pegboard_evaluation.genai.estimating import Estimate, Part, dollars
from pegboard_evaluation.suites.running import PASSED, SCORE, Column, Outcome, Outcomes

MOST = 20
"""Failures that are told one by one."""

_LINE = 300


# -- for people --------------------------------------------------------------------------------


def print_outcomes(found: Outcomes) -> None:
    """Print the grid of prompts and models, then each failure with its reasons."""
    prompts = list(dict.fromkeys(each.prompt for each in found.columns))
    models = list(dict.fromkeys(each.model for each in found.columns))
    if len(prompts) > 1 and len(models) > 1:
        _print_grid(found, prompts, models)
        click.echo()
    titles = ("Passed", "Failed", "Errors", "Score", "USD")
    columns = [
        tables.Column("Prompt", style="bold", most=40),
        tables.Column("Model", most=40),
        *(tables.Column(title, right=True) for title in titles),
        tables.Column("Run", optional=1),
    ]
    if prompts == ["-"]:
        columns = columns[1:]
    lines = [_cells(each)[-len(columns) :] for each in found.columns]
    tables.note_hidden(tables.print_table(columns, lines))
    _print_failures(found)
    if found.unpriced:
        output.note(f"The price of {formats.counted(found.unpriced, 'call')} is unknown.")
    output.note(f"Models cost {dollars(found.spent)}. The run is {found.run_id}")


def _print_grid(found: Outcomes, prompts: Sequence[str], models: Sequence[str]) -> None:
    by_pair = {(each.prompt, each.model): each for each in found.columns}
    columns = [tables.Column("", style="bold", most=40)]
    columns += [tables.Column(each, right=True, most=30) for each in models]
    lines = []
    for prompt in prompts:
        cells = [by_pair.get((prompt, model)) for model in models]
        lines.append([prompt, *("-" if each is None else _share(each) for each in cells)])
    tables.note_hidden(tables.print_table(columns, lines))


def _share(column: Column) -> str:
    return f"{column.count('passed')}/{len(column.outcomes)}"


def _cells(column: Column) -> list[str]:
    asked = [each for each in column.outcomes if each.state != "not asked"]
    score = sum(each.score for each in asked) / len(asked) if asked else None
    return [
        column.prompt,
        column.model,
        _share(column),
        str(column.count("failed")),
        str(column.count("error")),
        "-" if score is None else formats.number(score),
        dollars(column.spent),
        column.run_id,
    ]


def _print_failures(found: Outcomes) -> None:
    failures = [
        (column, each)
        for column in found.columns
        for each in column.outcomes
        if each.state in ("failed", "error")
    ]
    if failures:
        click.echo()
    for column, each in failures[:MOST]:
        mark = "Failed" if each.state == "failed" else "Error"
        output.heading(f"{mark}: {each.case} · {column.label}")
        for reason in each.reasons:
            click.echo(f"  {_cut(output.clean(reason))}")
    if len(failures) > MOST:
        output.note(f"{len(failures) - MOST} more are in --json and --junit.")


def _cut(text: str) -> str:
    return text if len(text) <= _LINE else f"{text[:_LINE]}…"


def print_estimate(found: Estimate) -> None:
    """Print what a form would ask and cost."""
    columns = [
        tables.Column("Part", style="bold"),
        *(
            tables.Column(title, right=True)
            for title in ("Calls", "Tokens in", "Tokens out", "USD")
        ),
    ]
    lines = [
        [
            each.name,
            *(_counts(each) if each.calls or not each.unknown else "???"),
            dollars(each.cost),
        ]
        for each in found.parts
    ]
    tables.note_hidden(tables.print_table(columns, lines))
    for name, why in found.unknown.items():
        output.note(f"{name}: {why}.")
    told = "at least " if found.unknown else "at most about "
    output.note(f"{formats.counted(found.calls, 'call')}, {told}{dollars(found.cost)}.")


def _counts(part: Part) -> list[str]:
    return [str(part.calls), str(part.input_tokens), f"≤ {part.output_tokens}"]


def print_comparisons(found: Mapping[str, Comparison]) -> None:
    """Print how each prompt with each model changed since another run."""
    titles = ("Before", "After", "Won", "Lost", "Equal")
    columns = [
        tables.Column("Compared", style="bold"),
        tables.Column("Metric"),
        *(tables.Column(title, right=True) for title in titles),
        tables.Column("Verdict", styles={WORSE: "red", BETTER: "green"}),
    ]
    lines = [
        [
            label,
            name,
            *(formats.number(value) for value in (each.before, each.after)),
            *(str(count) for count in (each.won, each.lost, each.equal)),
            each.verdict,
        ]
        for label, comparison in found.items()
        for name, each in comparison.metrics.items()
        if name in (PASSED, SCORE) or each.won or each.lost
    ]
    click.echo()
    tables.note_hidden(tables.print_table(columns, lines))


# -- for programs ------------------------------------------------------------------------------


def plain(found: Outcomes) -> dict[str, Any]:
    """Return it as JSON has it."""
    return {
        "run_id": found.run_id,
        "passed": found.passed,
        "spent": found.spent,
        "unpriced": found.unpriced,
        "stopped": found.stopped,
        "columns": [_plain_column(each) for each in found.columns],
    }


def _plain_column(column: Column) -> dict[str, Any]:
    result = column.result
    return {
        "prompt": column.prompt,
        "model": column.model,
        "run_id": column.run_id,
        "passed": column.count("passed"),
        "failed": column.count("failed"),
        "errors": column.count("error"),
        "not_asked": column.count("not asked"),
        "spent": column.spent,
        "metrics": {} if result is None else dict(result.metrics),
        "costs": {}
        if result is None
        else {name: attrs.asdict(each) for name, each in result.costs.items()},
        "cases": [attrs.asdict(each) for each in column.outcomes],
    }


def plain_comparison(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON has it."""
    return {
        name: {**attrs.asdict(each), "verdict": each.verdict}
        for name, each in found.metrics.items()
    }


def plain_estimate(found: Estimate) -> dict[str, Any]:
    """Return an estimate as JSON has it."""
    parts = [attrs.asdict(each) for each in found.parts]
    return {"calls": found.calls, "cost": found.cost, "unknown": found.unknown, "parts": parts}


def junit(found: Outcomes) -> str:
    """Return a report of JUnit's form: a suite for each prompt and model, a case for each case."""
    root = ElementTree.Element("testsuites", name="pegboard eval run")
    for column in found.columns:
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=column.label,
            tests=str(len(column.outcomes)),
            failures=str(column.count("failed")),
            errors=str(column.count("error")),
            skipped=str(column.count("not asked")),
        )
        for each in column.outcomes:
            _add_case(suite, column, each)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: ElementTree.Element, column: Column, each: Outcome) -> None:
    name, label = output.clean(each.case), output.clean(column.label)
    case = ElementTree.SubElement(suite, "testcase", classname=label, name=name)
    said = output.clean("; ".join(each.reasons))
    marks = {"failed": "failure", "error": "error", "not asked": "skipped"}
    if each.state in marks:
        ElementTree.SubElement(case, marks[each.state], message=said)
    if each.output:
        ElementTree.SubElement(case, "system-out").text = output.clean(each.output)
