"""A workflow: steps of a project, what each takes from others, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Input:
    """What a step is given as a path: an output of another step, or a file or URI."""

    step: str = ""
    output: str = ""
    """The path of the output among the files of the step's run; "" if it is not of a step."""
    uri: str = ""


@frozen(kw_only=True)
class Step:
    """A part of a workflow: a run of a project, or one for each item.

    ``run`` names an entry point or a script of the project; without it, ``command`` is the template
    of a command. ``outputs`` are paths among the files of the run, by name. ``needs`` are all steps
    that have to be done before. ``foreach`` is None if there is one run. ``code`` are patterns of
    files; None: those of the workflow.
    """

    name: str
    where: str = ""
    run: str = ""
    command: str = ""
    params: Mapping[str, Any] = field(factory=dict)
    inputs: Mapping[str, Input] = field(factory=dict)
    outputs: Mapping[str, str] = field(factory=dict)
    needs: Sequence[str] = ()
    foreach: Any = None
    concurrency: int | None = None
    retries: int = 0
    timeout_seconds: float | None = None
    backend: str | None = None
    backend_config: Mapping[str, Any] = field(factory=dict)
    env_manager: str | None = None
    code: Sequence[str] | None = None
    cache: bool = True


@frozen(kw_only=True)
class Workflow:
    """Steps, each after those that it needs, and what holds for all of them."""

    name: str
    file: Path
    directory: Path
    params: Mapping[str, Any] = field(factory=dict)
    """The parameters with their defaults; None: to be given."""
    steps: Mapping[str, Step] = field(factory=dict)
    experiment: str | None = None
    backend: str | None = None
    backend_config: Mapping[str, Any] = field(factory=dict)
    env_manager: str | None = None
    storage_dir: str | None = None
    concurrency: int | None = None
    code: Sequence[str] | None = None

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Return who gives to whom, as pairs of names of steps."""
        return [(needed, step.name) for step in self.steps.values() for needed in step.needs]
