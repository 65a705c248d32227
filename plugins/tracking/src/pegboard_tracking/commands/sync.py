"""``pegboard sync``: send what was logged while a server was out of reach."""

from __future__ import annotations

from typing import Any

import click
from pegboard import host
from pegboard.cli import output
from pegboard_stores import formats

from pegboard_tracking.client import sync as syncing
from pegboard_tracking.client.sync import Report
from pegboard_tracking.commands import printing
from pegboard_tracking.names import NAME


@click.command(epilog=output.examples("pegboard sync --check"))
@click.argument("server", required=False, metavar="[URL]")
@click.option("--check", is_flag=True, help="Only look whether something is left to be sent.")
@output.json_option
@click.pass_context
def sync(ctx: click.Context, server: str | None, check: bool, as_json: bool) -> None:
    """Send what was logged while a server was out of reach: to all servers, or to the one at URL.

    It may be run at any time and as often as wanted: nothing is sent twice. What processes that
    still run have logged is left to them. Credentials go to the server at URL, else to the tracking
    server in use and no other. The exit code is 1 if something could not be sent;
    with --check, if something is left to be sent.
    """
    reports = list(syncing.reports(server))
    for report in reports:
        syncing.look(report)
    if not check:
        reports = [_send(report, server) for report in reports]
    if as_json:
        output.print_json([_facts(report) for report in reports])
    else:
        _print(reports, check)
    if any(_is_left(report, check) for report in reports):
        ctx.exit(1)


def _send(found: Report, server: str | None) -> Report:
    report = Report(found.server, found.directory)
    with printing.progress("Sending", found.points + found.requests) as advance:
        settings = host.current().settings(NAME)
        url, named = server or found.server, server is not None
        syncing.send(report, url, settings, advance, named=named)
    return report


def _is_left(report: Report, check: bool) -> bool:
    return bool(report.error) or (check and report.points + report.requests > 0)


def _print(reports: list[Report], check: bool) -> None:
    for report in reports:
        verb = "left" if check else "sent"
        points = formats.counted(report.points, "point")
        others = formats.counted(report.requests, "other request")
        journals = formats.counted(report.journals, "journal")
        click.echo(output.clean(f"{report.server}: {points} and {others} {verb}, from {journals}"))
        if report.refused:
            refused = formats.counted(report.refused, "request")
            output.note(f"refused by the server: {refused}, kept in {report.directory}")
        if report.in_use:
            in_use = formats.counted(report.in_use, "journal")
            output.note(f"in use by processes that still run: {in_use}")
        if report.error:
            output.note(f"the rest is kept: {report.error}")
    if not reports:
        click.echo("There are no journals of servers.")


def _facts(report: Report) -> dict[str, Any]:
    return {
        "server": report.server,
        "directory": report.directory,
        "journals": report.journals,
        "points": report.points,
        "requests": report.requests,
        "refused": report.refused,
        "in_use": report.in_use,
        "error": report.error,
    }
