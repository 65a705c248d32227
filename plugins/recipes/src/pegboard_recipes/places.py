"""Where a recipe's results are, what is said of each step there, and who is at work on them.

A step writes into a directory of its own, which takes the place of the earlier one when all is in
it: what a killed step left is never taken for a result.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from attrs import field, frozen
from pegboard.errors import InvalidState
from pegboard_scripting.fluent import environment

from pegboard_recipes.digests import write_whole

STATE = "execution_state.json"
CARD, CARD_JSON, PRINTED = "card.html", "card.json", "log.txt"
UNKNOWN, SUCCEEDED, FAILED = "UNKNOWN", "SUCCEEDED", "FAILED"
_UNDERWAY = "outputs.{}.new"
_DIRECTORY = "RECIPES_EXECUTION_DIRECTORY"
_STATUS = "recipe_step_execution_status"
_WHEN = "recipe_step_execution_last_updated_timestamp"
_TRACE = "recipe_step_stack_trace"
_OURS = "pegboard"


@frozen(kw_only=True)
class Basis:
    """What a step was made of."""

    config: Mapping[str, Any]
    code: Mapping[str, str] = field(factory=dict)
    """By file of the project, the digest of what it holds."""
    inputs: Mapping[str, str] = field(factory=dict)
    """By file of an earlier step, as in ``split/train.parquet``, its digest."""
    sources: Mapping[str, str] = field(factory=dict)
    """By file of data or other source, its digest."""


@frozen(kw_only=True)
class State:
    """What became of a step the last time."""

    status: str = UNKNOWN
    when: float = 0.0
    """Seconds since 1970."""
    trace: str = ""
    basis: Basis | None = None
    outputs: Mapping[str, str] = field(factory=dict)
    """By file that later steps may read, its digest."""
    seconds: float = 0.0

    @property
    def ran(self) -> bool:
        """Whether there are results."""
        return self.status == SUCCEEDED and self.basis is not None


@frozen
class Places:
    """The directory in which a recipe's results are."""

    directory: Path

    def step(self, name: str) -> Path:
        """Return the directory of a step."""
        return self.directory / "steps" / name

    def outputs(self, name: str) -> Path:
        """Return the directory of a step's results."""
        return self.step(name) / "outputs"

    def state(self, name: str) -> State:
        """Return what became of a step; nothing is known of one whose state cannot be read."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            found = json.loads((self.outputs(name) / STATE).read_text(encoding="utf-8"))
            own = found.get(_OURS) or {}
            basis = Basis(**own["basis"]) if own.get("basis") else None
            return State(
                status=found[_STATUS],
                when=found.get(_WHEN) or 0.0,
                trace=found.get(_TRACE) or "",
                basis=basis,
                outputs=own.get("outputs") or {},
                seconds=own.get("seconds") or 0.0,
            )
        return State()

    @contextmanager
    def working(self, name: str) -> Iterator[Path]:
        """Give an empty directory; when the block ends well, it is that of the step's results."""
        place = self.step(name)
        fresh = place / _UNDERWAY.format(os.getpid())
        self._tidy(name)
        fresh.mkdir(parents=True)
        try:
            yield fresh
            self._put(name, fresh)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _put(self, name: str, fresh: Path) -> None:
        outputs = self.outputs(name)
        old = self.step(name) / f"outputs.{os.getpid()}.old"
        if outputs.exists():
            outputs.replace(old)
        fresh.replace(outputs)
        shutil.rmtree(old, ignore_errors=True)

    def _tidy(self, name: str) -> None:
        """Remove what killed runs have left; called by who holds the lock."""
        for left in self.step(name).glob("outputs.*.*"):
            shutil.rmtree(left, ignore_errors=True)

    def is_begun(self, name: str) -> bool:
        """Whether a step was begun, and has not come to its end: it is at work, or was killed."""
        return bool(self.begun(name))

    def begun(self, name: str) -> list[Path]:
        """Return what a step that was begun has written."""
        return list(self.step(name).glob(_UNDERWAY.format("*")))

    def begun_by(self, pid: int) -> str:
        """Return the step that a process was at work on; "" if none."""
        found = self.directory.glob(f"steps/*/{_UNDERWAY.format(pid)}")
        return next((each.parent.name for each in found), "")

    def clean(self, name: str) -> None:
        """Remove all of a step."""
        shutil.rmtree(self.step(name), ignore_errors=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one at work on this recipe; InvalidState, with who is, if somebody is."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("a+", encoding="utf-8") as stream:
            if not _locked(stream):
                stream.seek(0)
                who = stream.read().strip()
                raise InvalidState(
                    f"This recipe is at work already{f': {who}' if who else ''}.",
                    hint=f"Wait until it is done. Its results are in {self.directory}.",
                )
            stream.truncate(0)
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            stream.write(f"process {os.getpid()}, since {now}")
            stream.flush()
            yield


def write_state(directory: Path, state: State) -> None:
    """Write what became of a step beside its results, under MLflow's names and ours."""
    basis = state.basis
    own = {
        "seconds": state.seconds,
        "outputs": dict(state.outputs),
        "basis": None
        if basis is None
        else {
            "config": dict(basis.config),
            "code": dict(basis.code),
            "inputs": dict(basis.inputs),
            "sources": dict(basis.sources),
        },
    }
    values = {_STATUS: state.status, _WHEN: state.when, _TRACE: state.trace or None, _OURS: own}
    write_whole(directory / STATE, json.dumps(values, indent=1, default=str))


def _locked(stream: IO[str]) -> bool:
    """Lock a file until it is closed; False if another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            stream.seek(1 << 30)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def of_recipe(root: Path) -> Places:
    """Return where the results of a recipe are: where the environment says, else below home."""
    found = environment.find(_DIRECTORY)
    if found is not None:
        return Places(Path(found[1]).expanduser().absolute())
    name = hashlib.sha256(str(root).encode()).hexdigest()
    return Places(Path.home() / ".mlflow" / "recipes" / name)
