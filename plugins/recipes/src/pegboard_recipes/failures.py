"""Errors of steps as people need them: the user's own lines, on one screen."""

from __future__ import annotations

import contextlib
import errno
import linecache
import signal
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import PegboardError, command_line, translate_os_error

from pegboard_recipes import code, places
from pegboard_recipes.cards.card import Card
from pegboard_recipes.digests import named

if TYPE_CHECKING:
    from pegboard_recipes.places import Places
    from pegboard_recipes.planning import Planner
    from pegboard_recipes.printed import Printed
    from pegboard_recipes.step import Done
    from pegboard_recipes.watching import Ended

_MOST = 4
"""Lines of the user's that are shown."""

_LONGEST = 600
_INSPECT = ("pegboard", "recipes", "inspect", "-p")


class StepFailed(PegboardError):
    """A step failed in the user's code, or in what that called."""

    error_code = "BAD_REQUEST"


class Failed(Exception):
    """A step failed; what went wrong is known already."""

    def __init__(self, done: Done, error: PegboardError, run_id: str = "") -> None:
        super().__init__(str(error))
        self.done, self.error, self.run_id = done, error, run_id


def explained(
    error: BaseException, step: str, root: Path, profile: str, *, results: Path | None = None
) -> PegboardError:
    """Return the error of a step, with the lines of the user's code that led to it.

    ``results`` is where the step writes, if its disk is full and the system does not say which is.
    """
    lines = _own_lines(error, root)
    if isinstance(error, PegboardError) and not lines:
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return translate_os_error(error, Path(str(error.filename or results or root)))
    what = str(error) if isinstance(error, PegboardError) else f"{type(error).__name__}: {error}"
    what = what if len(what) <= _LONGEST else f"{what[:_LONGEST]}…"
    if not lines:
        last = traceback.extract_tb(error.__traceback__)[-1]
        lines = [f"  {last.filename}, line {last.lineno}, in {last.name}"]
    return StepFailed(
        "\n".join([f"The step {step!r} failed.", *lines, what]),
        hint=f"All of it: {command_line(*_INSPECT, profile, '-s', step)}",
    )


def keep(
    where: Places,
    step: str,
    recipe: str,
    error: PegboardError,
    trace: str = "",
    said: Printed | None = None,
) -> None:
    """Put in the place of a step's results that it failed, for people and for the next plan."""
    card = Card(step=step, recipe=recipe)
    card.fail(str(error), trace or str(error))
    with where.working(step) as directory:
        card.write(directory)
        if said is not None:
            said.save(directory / places.PRINTED)
        state = places.State(status=places.FAILED, when=time.time(), trace=trace or str(error))
        places.write_state(directory, state)


def ended(found: Ended, planner: Planner) -> PegboardError:
    """Return the error of a process that ended in the midst of a step."""
    step = planner.places.begun_by(found.pid)
    number = found.code - 128 if found.believed else -found.code
    how = f"{_signal(number)} ended it" if number > 0 else f"it ended with {found.code}"
    lines = [
        _line(planner.config.root, file, number, name)
        for file, number, name in reversed(found.frames)
        if _is_users(planner.config.root, Path(file))
    ]
    what = f"The step {step!r} failed" if step else "The recipe failed"
    hint = "Something that it called ended the process: compiled code, or exec."
    if found.code == -signal.SIGKILL:
        hint = "The system does so if memory runs out. The steps before are kept."
    said = f"{what}: its process came to a sudden end; {how}."
    return StepFailed("\n".join([said, *lines[-_MOST:]]), hint=hint)


def _signal(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"the signal {number}"


def _own_lines(error: BaseException, root: Path) -> list[str]:
    """Return the lines of the project's files in a traceback, the last ones."""
    if isinstance(error, SyntaxError) and error.filename:
        if not code.is_of_project(root, Path(error.filename)):
            return []
        where = f"  {named(Path(error.filename), root)}, line {error.lineno}"
        return [where, *([f"    {error.text.strip()}"] if error.text else [])]
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if _is_users(root, file):
            found.append(_line(root, frame.filename, frame.lineno or 0, frame.name))
    return found[-_MOST:]


def _line(root: Path, file: str, number: int, name: str) -> str:
    where = f"  {named(Path(file), root)}, line {number}, in {name}"
    return f"{where}\n    {linecache.getline(file, number).strip()}"


def _is_users(root: Path, file: Path) -> bool:
    return code.is_of_project(root, file) and not _is_ours(file)


def _is_ours(file: Path) -> bool:
    """Whether a file is one of this distribution, where a project contains that."""
    return file.resolve().is_relative_to(Path(__file__).resolve().parent)
