"""Environments that uv makes."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from pegboard.errors import ConfigError, StoreError

from pegboard_projects.environments.environment import Ready, Work, asked
from pegboard_projects.environments.kept import KeptEnvironment
from pegboard_projects.environments.specs import Spec
from pegboard_projects.settings import Settings

_LOCK, _PYLOCK = "installed.txt", "pylock.toml"
_HINT = "Correct what the project asks for, or use --env-manager local."
_VERSION = re.compile(r"(\d+\.\d+)(\.\d+)?\*?")


class Uv(KeptEnvironment):
    """An environment of Python that uv makes."""

    manager = "uv"
    tag = "virtualenv"

    def __init__(self, spec: Spec, settings: Settings) -> None:
        """Make what ``spec`` asks for, when it is needed."""
        super().__init__(spec.key, settings)
        self._spec, self._wheels = spec, settings.wheels
        self.notes = spec.notes

    def _opened(self, place: Path) -> Ready:
        pylock = place / _PYLOCK
        return Ready(
            variables={**self._spec.variables, "VIRTUAL_ENV": str(place)},
            path=[str(place / "bin")],
            lock=(place / _LOCK).read_text("utf-8"),
            # Environments that an earlier pegboard made have none.
            pylock=pylock.read_text("utf-8") if pylock.is_file() else "",
        )

    def _fill(self, work: Work, place: Path) -> None:
        self._make_python(work, place)
        with tempfile.TemporaryDirectory(prefix="pegboard-requirements-") as name:
            self._install(work, place, Path(name))

    def _make_python(self, work: Work, place: Path) -> None:
        """Make an empty environment of the wanted Python, or of the nearest that is to be had."""
        words = [program(), "venv", "--no-project", "--quiet"]
        tried = _pythons(self._spec.python)
        for python in tried:
            try:
                self._run(work, *words, "--python", python, str(place))
            except StoreError:
                if python == tried[-1] or work.is_cancelled():
                    raise
                shutil.rmtree(place, ignore_errors=True)
            else:
                if python != tried[0]:
                    found = "this one" if python == sys.executable else python
                    work.say(f"Python {tried[0]} is not to be had; the nearest is taken: {found}.")
                return

    def _install(self, work: Work, place: Path, directory: Path) -> None:
        spec, uv = self._spec, program()
        python = ["--python", str(place / "bin" / "python")]
        if spec.build:
            self._run(work, uv, "pip", "install", "--quiet", *python, *self._sources(), "--",
                      *spec.build)  # fmt: skip
        if spec.lock is not None:
            self._export(work, directory / "requirements.txt")
        else:
            text = "".join(f"{line}\n" for line in spec.lines)
            (directory / "requirements.txt").write_text(text, "utf-8")
        if spec.lines or spec.lock is not None:
            given = ["--requirement", str(directory / "requirements.txt")]
            self._run(work, uv, "pip", "install", *python, *self._sources(), *given)
        installed = asked([uv, "pip", "freeze", *python], directory)
        (place / _LOCK).write_text(installed, "utf-8")
        self._write_pylock(work, place)

    def _export(self, work: Work, target: Path) -> None:
        words = ("export", "--frozen", "--no-dev", "--no-emit-project", "--quiet")
        self._run(work, program(), *words, "--output-file", str(target))

    def _write_pylock(self, work: Work, place: Path) -> None:
        """Write what it takes to make the same elsewhere; an environment is of use without it."""
        target = place / _PYLOCK
        words = ["pip", "compile", "--quiet", "--no-deps", "--no-header", "--format", "pylock.toml"]
        python = ["--python", str(place / "bin" / "python")]
        given = [*self._sources(), "--output-file", str(target), "--", str(place / _LOCK)]
        try:
            if self._spec.lock is not None:
                self._export(work, target)
            elif (place / _LOCK).stat().st_size:
                self._run(work, program(), *words, *python, *given)
        except StoreError:
            work.check()
            target.unlink(missing_ok=True)
            work.say("There is no pylock.toml of it: not all is to be had by its version alone.")

    def _sources(self) -> list[str]:
        if not self._wheels:
            return []
        wheels = str(Path(self._wheels).expanduser().absolute())
        return ["--offline", "--no-index", "--find-links", wheels]

    def _run(self, work: Work, *words: str) -> str:
        return work.run(words, directory=self._spec.directory, hint=_HINT)


def _pythons(wanted: str | None) -> list[str]:
    """Return what to ask uv for, the best first."""
    if wanted is None:
        return [sys.executable]
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    match = _VERSION.fullmatch(wanted.strip())
    if match is None:
        return [wanted]
    # This very Python, if it is of the version that is wanted.
    return [wanted, sys.executable] if match[1] == here else [wanted, match[1], sys.executable]


def program() -> str:
    """Return uv; ConfigError if it is not there."""
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        raise ConfigError(
            "uv, which makes environments, is not installed.",
            hint="Run 'pip install uv', or use --env-manager local.",
        )
    return found
