"""A project: its entry points, and the environment that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from pegboard_projects.contract import Container
from pegboard_projects.entry_points import EntryPoint


@frozen(kw_only=True)
class Project:
    """What a folder says about how it is run.

    ``environment`` names the file that describes the environment, and ``kind`` what it is:
    ``python`` (python_env.yaml), ``conda``, ``requirements``, ``pyproject``, ``docker``, or "" if
    there is none.
    """

    name: str
    directory: Path
    file: Path | None = None
    entry_points: Mapping[str, EntryPoint] = field(factory=dict)
    kind: str = ""
    environment: Path | None = None
    container: Container | None = None
    tables: Mapping[str, Any] = field(factory=dict)
    """What else the file holds that is meant for other parts: ``workflow``."""
    notes: Sequence[str] = field(factory=tuple)
    """What is odd, and does no harm."""
