"""``pegboard artifacts``: the files of a run."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Callable
from pathlib import Path

import click
from attrs import evolve
from pegboard import host, paths, uris
from pegboard.cli import output
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.entities import FileInfo
from pegboard.errors import NotFound, command_line
from pegboard_scripting.client import transfer
from pegboard_scripting.client.artifacts import list_files
from pegboard_scripting.client.opening import open_named
from pegboard_scripting.resolver import NamedFiles, is_explicit
from pegboard_stores import formats, named_runs, options

from pegboard_tracking.commands import common, details, printing

_MB = 1_000_000


@click.group(epilog=output.examples("pegboard artifacts list -r 'rate 0.3'"))
def artifacts() -> None:
    """List, upload and download the files of a run."""


@artifacts.command("list", epilog=output.examples("pegboard artifacts list -r 'rate 0.3'"))
@click.argument("run")
@click.argument("path", default="")
@click.option("-r", "--recursive", is_flag=True, help="All files below, not only one level.")
@output.json_option
def list_artifacts(run: str, path: str, recursive: bool, as_json: bool) -> None:
    """List the files of a run: all, those in the directory PATH, or the file PATH.

    RUN may also be a URI: runs:/RUN/NAME, models:/m-ID, models:/NAME/3 and so on.
    """
    store, named = _named(run, path)
    if recursive:
        found = [_shown(file, named) for file in store.walk(named.path)]
    else:
        found = list_files(store, named)
    if path and not found:
        # As a directory it has nothing in it: it is a file, or is not there.
        found = [_shown(file, named) for file in store.walk(named.path)]
        if not found:
            raise _no_files(run, path)
    if as_json:
        output.print_json(found)
    elif found:
        output.print_record(details.file_lines(found))
    else:
        output.note("There are no files.")


@artifacts.command(
    epilog=output.examples("pegboard artifacts upload 'rate 0.3' report.pdf -o reports")
)
@click.argument("run")
@click.argument(
    "sources", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
@options.output_option(
    "directory",
    "-t",
    "--to",
    default="",
    show_default="none",
    metavar="DIRECTORY",
    help="The directory of the run to put them into.",
)
@output.json_option
def upload(run: str, sources: tuple[Path, ...], directory: str, as_json: bool) -> None:
    """Copy files, and directories with all that is in them, to a run.

    A big file goes to a server in parts: if the upload is interrupted, the same command continues
    it.
    """
    store = _files_of(run)
    every = (each for source in sources for each in transfer.files(source, directory))
    found = transfer.checked(every)
    total = sum(file.stat().st_size for file, _ in found)
    with printing.progress("Uploading, in MB", -(-total // _MB)) as advance:
        told = _in_megabytes(advance)
        for file, path in found:
            transfer.upload_file(store, file, path, told)
    if as_json:
        output.print_json({"files": [path for _, path in found]})
    else:
        click.echo(f"Uploaded {formats.counted(len(found), 'file')}, {formats.size(total)}.")


def _in_megabytes(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Return a progress callback that reports whole megabytes."""
    done = 0

    def told(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        advance(-(-done // _MB) - -(-before // _MB))

    return told


@artifacts.command(
    epilog=output.examples("pegboard artifacts download 'rate 0.3' summary.txt -o results")
)
@click.argument("run")
@click.argument("path", default="")
@options.output_option(
    "target",
    "-t",
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default="the working directory",
    help="The directory to put them into, below the paths that they have in the run.",
)
@output.json_option
def download(run: str, path: str, target: Path, as_json: bool) -> None:
    """Copy the files of a run to a directory: all, those below PATH, or the file PATH.

    RUN may also be a URI: runs:/RUN/NAME, models:/m-ID, models:/NAME/3 and so on.
    """
    store, named = _named(run, path)
    found = list(store.walk(named.path))
    if not found:
        raise _no_files(run, path)
    written = []
    with printing.progress("Downloading", len(found)) as advance:
        for file in found:
            written.append(_fetch(store, file, paths.below(target, named.folder)))
            advance(1)
    if as_json:
        output.print_json({"files": written})
    else:
        count = formats.counted(len(found), "file")
        click.echo(
            f"Downloaded {count} to {formats.place(written[0] if len(written) == 1 else target)}"
        )


def _files_of(reference: str) -> ArtifactStore:
    store = common.open_store()
    run = named_runs.find(store, reference)
    return host.current().artifact_store(store.located(run.info.artifact_uri))


def _no_files(run: str, path: str) -> NotFound:
    return NotFound(
        f"There is no file {path!r} in {run!r}." if path else f"There are no files in {run!r}.",
        hint=f"What there is: {command_line('pegboard', 'artifacts', 'list', '-r', run)}",
    )


def _named(reference: str, path: str) -> tuple[ArtifactStore, NamedFiles]:
    """Return the files at a path of a run, or those that a URI names, and their store."""
    path = paths.safe_relative(path)
    if not is_explicit(reference):
        run = named_runs.find(common.open_store(), reference)
        reference = f"runs:/{run.info.run_id}"
    config = host.current().config
    whole = uris.join(reference, path) if path else reference
    return open_named(
        whole,
        config.pegboard.tracking_uri,
        config.pegboard.models_uri,
    )


def _shown(file: FileInfo, named: NamedFiles) -> FileInfo:
    return evolve(file, path=posixpath.join(named.folder, file.path))


def _fetch(store: ArtifactStore, file: FileInfo, directory: Path) -> Path:
    """Copy one file; it takes its name only when it is complete."""
    target = paths.below(directory, file.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with store.read(file.path) as source, unfinished.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return target
