"""Finds a workflow: in a folder, by its file, in a git repository or a zip file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import command_line
from pegboard_projects import Opened, ProjectError, opened

from pegboard_workflows.reading import FILES, file_in, workflow_of
from pegboard_workflows.workflow import Workflow

if TYPE_CHECKING:
    from pegboard.host import Host

_FILES = (".yaml", ".yml", ".toml", "mlproject")


@contextmanager
def located(host: Host, uri: str, version: str | None) -> Iterator[tuple[Workflow, Opened]]:
    """Read a workflow and open its project; what was fetched goes at the end of the block.

    ``uri`` is that of a project, or the path of the workflow's file in it.
    """
    path = Path(uri)
    is_file = path.name.lower().endswith(_FILES) and path.is_file()
    named = path if is_file else None
    with opened(host, uri if named is None else str(named.parent), version) as found:
        file = named or file_in(found.source.directory)
        if file is None:
            raise ProjectError(
                f"There is no workflow in {found.source.name}: no {FILES[0]}, and no "
                "[tool.pegboard.workflow] in a pyproject.toml.",
                hint=f"Make one: {command_line('pegboard', 'workflows', 'new', 'FOLDER')}",
            )
        yield workflow_of(file), found
