"""``pegboard projects``: make projects, check them, and look at them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import PegboardError, command_line

if TYPE_CHECKING:
    from pegboard_projects.parameters import Parameter
    from pegboard_projects.project import Project

_PASSED_OVER = {"node_modules", "__pycache__", "site-packages", "mlruns", "pegruns"}


@click.group(epilog=output.examples("pegboard projects new demo", "pegboard projects inspect demo"))
def projects() -> None:
    """Make projects, check them, and look at them; 'pegboard run' runs them."""


_version = click.option(
    "-v", "--version", metavar="VERSION", help="A branch, tag or commit of a git repository."
)


@projects.command(epilog=output.examples("pegboard projects inspect . --json"))
@click.argument("uri", default=".")
@_version
@output.json_option
def inspect(uri: str, version: str | None, as_json: bool) -> None:
    """Show the entry points of a project, their parameters, and its environment."""
    from pegboard_projects.reading import project_file
    from pegboard_projects.sources.source import fetch

    source = fetch(uri, version)
    try:
        project = project_file.load(source.directory)
        if as_json:
            output.print_json({**_facts(project), "commit": source.commit})
        else:
            _show(project, source.name)
    finally:
        source.remove()


def _facts(project: Project) -> dict[str, object]:
    return {
        "name": project.name,
        "environment": project.kind,
        "environment_file": _relative(project),
        "entry_points": {
            name: {
                "command": point.command,
                "parameters": {
                    parameter.name: {
                        "type": parameter.type,
                        "default": parameter.default,
                        "required": parameter.default is None,
                        **({"choices": list(parameter.choices)} if parameter.choices else {}),
                    }
                    for parameter in point.parameters.values()
                },
            }
            for name, point in project.entry_points.items()
        },
        "scripts": [] if project.entry_points else _scripts(project),
        "notes": list(project.notes),
    }


def _scripts(project: Project) -> list[str]:
    from pegboard_projects.entry_points import scripts

    return list(scripts(project.directory))


def _relative(project: Project) -> str:
    if project.container is not None:
        return project.container.image
    if project.environment is None:
        return ""
    return project.environment.relative_to(project.directory).as_posix()


def _show(project: Project, source: str) -> None:
    for note in project.notes:
        output.note(output.clean(note))
    kind = f"{project.kind} ({_relative(project)})" if project.kind else "none"
    output.print_record([("project", project.name), ("source", source), ("environment", kind)])
    for name, point in project.entry_points.items():
        click.echo()
        output.heading(name)
        rows = [
            (p.name, p.type, "required" if p.default is None else f"default {p.default}", _of(p))
            for p in point.parameters.values()
        ]
        for line in output.aligned(rows) if rows else []:
            click.echo(f"  {line}")
        click.echo(f"  $ {output.clean(' '.join(point.command.split()))}")
    if not project.entry_points:
        click.echo()
        output.heading("scripts, to be run with -e")
        for name in _scripts(project):
            click.echo(f"  {output.clean(name)}")


def _of(parameter: Parameter) -> str:
    return ", ".join(parameter.choices)


@projects.command(epilog=output.examples("pegboard projects follow 1f3d1f5a"))
@click.argument("run")
@click.pass_context
def follow(ctx: click.Context, run: str) -> None:
    """Follow the job of a run again whose 'pegboard run' was killed, and end the run as it ends.

    RUN is its id, the beginning of that, or its name. A job on a cluster goes on without the
    process that submitted it. The exit code is the project's; Ctrl-C cancels the job.
    """
    open_host(ctx)
    from pegboard_scripting.client import Client
    from pegboard_stores import named_runs

    from pegboard_projects import api, following
    from pegboard_projects.cancelling import by_signals
    from pegboard_projects.commands.run import exit_code, tell_end

    client, began = Client(), time.monotonic()
    run_id = named_runs.find(client.store, run).info.run_id
    with by_signals() as cancelling:
        outcome = following.follow(client, run_id, show=api.shown, cancelling=cancelling)
    tell_end(run_id, outcome, time.monotonic() - began)
    ctx.exit(exit_code(outcome, cancelling.caught[0] if cancelling.caught else None))


@projects.command(epilog=output.examples("pegboard projects validate ."))
@click.argument("uri", default=".")
@_version
def validate(uri: str, version: str | None) -> None:
    """Say what is wrong with a project, or that nothing is; exit code 2 if something is."""
    from pegboard_projects.errors import together
    from pegboard_projects.reading import project_file
    from pegboard_projects.sources.source import fetch

    source = fetch(uri, version)
    try:
        project = project_file.load(source.directory)
        for note in project.notes:
            output.note(output.clean(note))
        faults = [
            f"{point.where}: {fault}"
            for point in project.entry_points.values()
            for fault in point.faults()
        ]
        if faults:
            raise together(f"The project {project.name!r} cannot be run", faults)
    finally:
        source.remove()
    count = len(project.entry_points)
    points = "1 entry point" if count == 1 else f"{count} entry points"
    click.echo(f"The project {output.clean(project.name)} is right: {points}.")


@projects.command("list", epilog=output.examples("pegboard projects list ."))
@click.argument("folder", default=".", type=click.Path(exists=True, file_okay=False))
@output.json_option
def list_projects(folder: str, as_json: bool) -> None:
    """List the projects in a folder and below it."""
    from pegboard_projects.reading import project_file

    rows: list[dict[str, Any]] = []
    for directory in _project_folders(Path(folder)):
        try:
            project = project_file.load(directory)
        except PegboardError as error:
            rows.append({"folder": str(directory), "name": "", "fault": error.message})
            continue
        if project.file is not None:
            points = list(project.entry_points)
            rows.append({"folder": str(directory), "name": project.name, "entry_points": points})
    if as_json:
        output.print_json(rows)
        return
    if not rows:
        output.note(f"There are no projects in {folder}.")
        return
    output.print_columns(
        ["Folder", "Name", "Entry points"],
        [
            (row["folder"], row["name"], row.get("fault") or ", ".join(row["entry_points"]))
            for row in rows
        ],
    )


def _project_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders that say they are projects, those of the top first."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _PASSED_OVER
        )
        if any(name.lower() == "mlproject" or name == "pyproject.toml" for name in files):
            yield Path(place)


@projects.command(epilog=output.examples("pegboard projects new demo"))
@click.argument("folder")
def new(folder: str) -> None:
    """Make a small project that runs, to begin from."""
    from pegboard_projects.sample import write

    directory = Path(folder)
    write(directory)
    click.echo(f"Made {directory}.")
    output.note(f"Run it: {command_line('pegboard', 'run', folder, '-P', 'rate=0.3')}")
