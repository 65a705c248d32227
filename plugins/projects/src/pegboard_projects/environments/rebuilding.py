"""An environment made again elsewhere, from what one here holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pegboard_projects.environments.environment import Ready, Work
from pegboard_projects.environments.specs import Spec
from pegboard_projects.environments.uv import Uv
from pegboard_projects.settings import Settings


@contextmanager
def rebuilt(lock: str, python: str, directory: Path, say: Callable[[str], None]) -> Iterator[Ready]:
    """Yield the environment that a lock describes, made if it is not kept on this machine yet.

    Args:
        lock: what it holds, a requirement a line, as ``Job.lock``.
        python: the version of Python, "3.12.1"; "": that of this process.
        directory: where uv runs.
        say: hears what uv says.

    Raises:
        PegboardError: it cannot be made.
    """
    lines = [line for line in lock.splitlines() if line.strip()]
    spec = Spec(
        kind="python", directory=directory, python=python or None, lines=lines, written=lines
    )
    made = Uv(spec, Settings())
    try:
        yield made.ready(Work(say))
    finally:
        made.release()
