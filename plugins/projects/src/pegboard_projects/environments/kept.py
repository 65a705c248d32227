"""Environments that are made once, kept by what they are made of, and shared.

They are kept in the user's cache, or where the settings say. The first of several runs that need
one makes it, and the others wait; one that could not be made to its end is taken away.
"""

from __future__ import annotations

import os
import shutil
from abc import abstractmethod
from pathlib import Path

from pegboard_stores.environments import places

from pegboard_projects.environments.environment import Environment, Ready, Work
from pegboard_projects.settings import Settings

KIND = "project-environments"


def folder(settings: Settings) -> Path:
    """Return where environments of projects are kept."""
    given = settings.environments
    return Path(given).expanduser().absolute() if given else places.folder(KIND)


class KeptEnvironment(Environment):
    """An environment in a directory of its own."""

    def __init__(self, key: str, settings: Settings) -> None:
        self._key, self._place = key, folder(settings) / key
        self._held: int | None = None

    @property
    def key(self) -> str:
        """The name that it is kept by."""
        return self._key

    @property
    def is_there(self) -> bool:
        """Whether it was made already."""
        return places.is_complete(self._place)

    def ready(self, work: Work) -> Ready:
        """Return the environment; the first to need it makes it."""
        with places.locked(self._place):
            if not places.is_complete(self._place):
                work.say(f"Making the environment {self._key} …")
                self._make(work)
            self._held = places.hold(self._place)
        return self._opened(self._place)

    def release(self) -> None:
        """Let others remove it, as the run has ended."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _make(self, work: Work) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        try:
            self._fill(work, self._place)
            work.check()
            (self._place / places.COMPLETE).touch()
        except BaseException:
            shutil.rmtree(self._place, ignore_errors=True)
            raise

    @abstractmethod
    def _fill(self, work: Work, place: Path) -> None:
        """Make it; what an error leaves behind is taken away."""

    @abstractmethod
    def _opened(self, place: Path) -> Ready:
        """Return what was made."""
