"""``pegboard eval run``: carries out a test form."""

from __future__ import annotations

from pathlib import Path

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import command_line
from pegboard_scripting.client import Client

from pegboard_evaluation import comparing
from pegboard_evaluation.genai.estimating import Estimate
from pegboard_evaluation.suites import gates, report, running
from pegboard_evaluation.suites.suite import read


class _Share(click.ParamType[float]):
    """A share: ``0.9`` or ``90%``."""

    name = "share"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return it as a number from 0 to 1."""
        text = str(value).strip()
        try:
            found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            found = -1.0
        if not 0 <= found <= 1:
            self.fail(f"{text!r} is not a share, such as 0.9 or 90%.", param, ctx)
        return found


@click.command(
    epilog=output.examples(
        "pegboard eval run capitals.eval.yaml",
        "pegboard eval run capitals.eval.yaml --estimate",
        "pegboard eval run capitals.eval.yaml --budget 0.50 --junit report.xml",
        "pegboard eval run capitals.eval.yaml --fail-under 90% --compare-to RUN",
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--repeat", type=click.IntRange(min=1), help="Ask each case so many times.")
@click.option("--resume", metavar="RUN", help="Go on with a run of it that broke off or failed.")
@click.option(
    "--fail-under",
    type=_Share(),
    metavar="SHARE",
    help="Exit with 1 only if less of a prompt's cases pass with a model: 0.9 or 90%.",
)
@click.option(
    "--compare-to",
    "earlier",
    metavar="RUN",
    help="Compare with an earlier run, row by row; exit with 1 if it is surely worse.",
)
@click.option("--estimate", is_flag=True, help="Say what it would ask and cost; ask nothing.")
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Stop before a call that could cost more than this.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what passed and failed for a CI system into this file.",
)
@output.json_option
def run(
    file: Path,
    repeat: int | None,
    resume: str | None,
    fail_under: float | None,
    earlier: str | None,
    estimate: bool,
    budget: float | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Test prompts and models: ask each case of a form, and check the answers.

    FILE is YAML, TOML or JSON with 'prompts', 'models', 'cases' and what to 'assert' of each
    answer. Each prompt with each model is a run, in one run of the whole form. Exits with 1 if a
    case fails.
    """
    ctx = click.get_current_context()
    config = open_host(ctx, creates_stores=not estimate).config
    suite = read(file, repeat)
    if estimate and resume is None:
        _print_estimate(running.expected(suite, {}), as_json)
        return
    client = Client(config.pegboard.tracking_uri, config.pegboard.models_uri)
    resume = None if resume is None else comparing.run_id_of(client, resume)
    if estimate and resume is not None:
        _print_estimate(running.expected(suite, running.kept_of(client, resume)), as_json)
        return
    earlier = None if earlier is None else comparing.run_id_of(client, earlier)
    found = running.carry_out_suite(suite, resume=resume, budget=budget, told=_tell)
    comparisons = {} if earlier is None else gates.compared(client, earlier, found)
    if junit is not None:
        junit.write_text(report.junit(found), encoding="utf-8")
    if as_json:
        told = {label: report.plain_comparison(each) for label, each in comparisons.items()}
        output.print_json({**report.plain(found), "compared": told})
    else:
        report.print_outcomes(found)
        if comparisons:
            report.print_comparisons(comparisons)
    if found.stopped:
        output.note(found.stopped)
        again = command_line("pegboard", "eval", "run", file, "--resume", found.run_id)
        output.note(f"What is there is kept. To go on: {again}")
    if found.stopped or gates.too_few(found, fail_under) or gates.worse(comparisons):
        ctx.exit(1)


def _print_estimate(found: Estimate, as_json: bool) -> None:
    if as_json:
        output.print_json(report.plain_estimate(found))
    else:
        report.print_estimate(found)


def _tell(column: running.Column) -> None:
    if output.is_terminal():
        output.note(f"{column.label}: {column.count('passed')}/{len(column.outcomes)} passed")
