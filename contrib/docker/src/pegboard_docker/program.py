"""Docker's command line, or podman's: what both have in common."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pegboard.errors import ConfigError, StoreError
from pegboard_projects import said

from pegboard_docker.settings import PROGRAMS

_GONE = ("No such container", "no such container", "No such object", "no such object")


def find(wanted: str) -> str:
    """Return docker or podman, the first that works; ConfigError says why none does."""
    faults = []
    for name in [wanted] if wanted else PROGRAMS:
        if shutil.which(name) is None:
            faults.append(f"{name} is not installed")
            continue
        try:
            # Docker's fails if there is no daemon, too.
            Program(name).ask("version", "--format={{.Client.Version}}")
        except StoreError as error:
            faults.append(error.message)
        else:
            return name
    raise ConfigError(
        f"There is nothing that runs containers: {'; '.join(faults)}.",
        hint="Start or install one, or use --env-manager local, with what the project needs.",
    )


class Program:
    """One of the two, called for one container."""

    def __init__(self, name: str) -> None:
        """Call the program of this name."""
        self.name = name
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def ask(self, *words: str, variables: Mapping[str, str] | None = None) -> str:
        """Return what it prints; StoreError with what it says if it fails."""
        return said([self.name, *words], f"{self.name} {words[0]}", variables)

    def state(self, container: str) -> Mapping[str, Any] | None:
        """Return the state of a container; None if there is none."""
        try:
            # Without a format: their templates differ.
            (facts,) = json.loads(self.ask("container", "inspect", container))
        except StoreError as error:
            if any(text in str(error) for text in _GONE):
                return None
            raise
        found: Mapping[str, Any] = facts["State"]
        return found

    def image(self, name: str) -> tuple[str, str] | None:
        """Return the id of an image, and its digest in a registry or ""; None if it is not here."""
        try:
            (facts,) = json.loads(self.ask("image", "inspect", name))
        except StoreError:
            return None
        return facts["Id"], (facts.get("RepoDigests") or [""])[0]

    def carry_out(self, words: Sequence[str], log: Callable[[bytes], None]) -> None:
        """Run something long, whose output goes to the log; StoreError if it fails."""
        if self._is_over():
            raise StoreError(f"{self.name} {words[0]} was cut short.")
        with subprocess.Popen(
            [self.name, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            self._process = process
            if self._is_over():
                self.end()
            assert process.stdout is not None
            for line in process.stdout:
                log(line)
        if process.returncode:
            raise StoreError(f"{self.name} {words[0]} failed; its last words are in the log.")

    def _is_over(self) -> bool:
        return self._ended

    def end(self) -> None:
        """Cut short what takes long; also for handlers of signals."""
        self._ended = True
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.terminate()
