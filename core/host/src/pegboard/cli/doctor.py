"""``pegboard doctor``: is everything in order, and if not, what to do."""

from __future__ import annotations

import click

from pegboard.cli import checks, output
from pegboard.hookspecs import FAIL, OK, SKIP, WARN, Finding

_COLORS = {OK: "green", WARN: "yellow", FAIL: "red", SKIP: "cyan"}


@click.command(epilog=output.examples("pegboard doctor"))
@output.json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check the installation, the plugins, the configuration and the store.

    Nothing is changed. The exit code is 1 if something has failed; warnings do not count.
    """
    findings = []
    for finding in checks.run_all(ctx):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        output.print_json(findings)
    if any(finding.state == FAIL for finding in findings):
        ctx.exit(1)


def _print(finding: Finding) -> None:
    click.secho(f"{finding.state:<4}", fg=_COLORS[finding.state], nl=False)
    click.echo(f"  {finding.check}: {finding.found}")
    if finding.advice:
        click.echo(f"      → {finding.advice}")
