"""``pegboard prompts test``: carries out the tests of a prompt, or binds them to it."""

from __future__ import annotations

from pathlib import Path

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import command_line
from pegboard_scripting.client import Client

from pegboard_evaluation import comparing
from pegboard_evaluation.prompt_tests import testing
from pegboard_evaluation.suites import report, running


@click.command(
    epilog=output.examples(
        "pegboard prompts test support --bind support.eval.yaml",
        "pegboard prompts test support",
        "pegboard prompts test support/4 --against production --budget 0.50 --junit report.xml",
    )
)
@click.argument("prompt", metavar="NAME[/VERSION|@ALIAS]")
@click.option(
    "--bind",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the form of a file as the tests of the prompt; ask nothing.",
)
@click.option("--model", metavar="URI", help="Ask this model, as a trial that opens no gate.")
@click.option(
    "--against",
    metavar="ALIAS",
    help="The champion, which it must not be surely worse than, or ''; by default production, if "
    "there is that.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Stop before a call that could cost more than this.",
)
@click.option("--resume", metavar="RUN", help="Go on with a test that broke off.")
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what passed and failed for a CI system into this file.",
)
@output.json_option
def test(
    prompt: str,
    bind: Path | None,
    model: str | None,
    against: str | None,
    budget: float | None,
    resume: str | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Test a version of a prompt, as its tests say; by default the newest.

    Tests are a form of 'pegboard eval run' without prompts: 'models', 'cases' and what to
    'assert', and 'fail_under', the share that has to pass. Each case is asked with the champion,
    too, and compared. Exits with 1 if the version does not pass. The gate 'prompt-tests' lets an
    alias have only versions that do.
    """
    ctx = click.get_current_context()
    config = open_host(ctx, creates_stores=False).config
    client = Client(config.pegboard.tracking_uri, config.pegboard.models_uri)
    if bind is not None:
        made = testing.bind(client, prompt, bind)
        if as_json:
            output.print_json({"form": made.form, "fail_under": made.fail_under})
        else:
            click.echo(f"{bind.name} is what versions of {prompt} have to pass now.")
        return
    resume = None if resume is None else comparing.run_id_of(client, resume)
    found = testing.carry_out(
        client,
        prompt,
        model=model,
        against=against,
        budget=budget,
        resume=resume,
        begun=lambda again: output.note(f"If it breaks off: {again}"),
        told=tell,
    )
    key = f"{found.version.name}/{found.version.version}"
    if junit is not None:
        junit.write_text(report.junit(found.outcomes), encoding="utf-8")
    if as_json:
        compared = {k: report.plain_comparison(v) for k, v in found.comparisons.items()}
        told = {"prompt": key, "passed": found.passed, "why": list(found.why)}
        output.print_json({**report.plain(found.outcomes), "compared": compared, **told})
    else:
        report.print_outcomes(found.outcomes)
        if found.comparisons:
            report.print_comparisons(found.comparisons)
        click.echo(f"{key} {'passes' if found.passed else 'does not pass'}.")
    for why in found.why:
        output.note(why)
    if found.outcomes.stopped:
        again = command_line("pegboard", "prompts", "test", key, "--resume", found.outcomes.run_id)
        output.note(f"What is there is kept. To go on: {again}")
    if not found.passed:
        ctx.exit(1)


def tell(column: running.Column) -> None:
    """Tell a person at a terminal what is done."""
    if output.is_terminal():
        output.note(f"{column.label}: {column.count('passed')}/{len(column.outcomes)} passed")
