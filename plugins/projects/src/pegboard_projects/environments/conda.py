"""Environments that conda, mamba or micromamba makes, kept as those of uv are."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from pegboard_projects.environments.conda_file import variables_of
from pegboard_projects.environments.environment import Ready, Work, asked
from pegboard_projects.environments.kept import KeptEnvironment
from pegboard_projects.settings import Settings

_HINT = "Correct conda.yaml, or use --env-manager uv or local."


class Conda(KeptEnvironment):
    """An environment of conda."""

    manager = "conda"
    tag = "conda"

    def __init__(self, program: str, file: Path, settings: Settings) -> None:
        """Make what ``file`` asks for, when it is needed."""
        self._program, self._file = program, file
        content = file.read_bytes() + sys.platform.encode()
        super().__init__(hashlib.sha256(b"conda\0" + content).hexdigest()[:32], settings)

    def _opened(self, place: Path) -> Ready:
        lock = asked([self._program, "list", "--prefix", str(place), "--explicit"], place)
        variables = {**variables_of(self._file), "CONDA_PREFIX": str(place)}
        return Ready(variables=variables, path=[str(place / "bin")], lock=lock)

    def _fill(self, work: Work, place: Path) -> None:
        words = ["env", "create"]
        if Path(self._program).stem == "micromamba":
            words = ["create", "--yes"]
        given = ["--prefix", str(place), "--file", str(self._file)]
        work.run([self._program, *words, *given], directory=self._file.parent, hint=_HINT)
