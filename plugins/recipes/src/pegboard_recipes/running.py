"""Carries out a recipe: plans, runs what has to run, and keeps what came of it."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from pegboard.errors import InvalidState, PegboardError
from pegboard.targets import resolve

from pegboard_recipes import digests, failures, names, places, project
from pegboard_recipes.cards.card import Card
from pegboard_recipes.planning import Planner
from pegboard_recipes.printed import Printed
from pegboard_recipes.step import Done, Step, Work, run_source

SUMMARY = "summary.json"
_LOGGER = logging.getLogger("pegboard")
_LOG = "warning_logs.txt"
_EXPECTED = "X does not have valid feature names"
"""Estimators are fitted to named columns, and a transformer in front of them may name none."""


@define(repr=False)
class Outcome:
    """What became of a run of a recipe."""

    recipe: str
    root: Path
    profile: str
    directory: Path
    steps: list[Done] = field(factory=list)
    status: str = names.NOT_VALIDATED
    run_id: str = ""
    metrics: Mapping[str, float] = field(factory=dict)
    criteria: Sequence[Mapping[str, Any]] = ()
    model: Mapping[str, str] = field(factory=dict)
    error: PegboardError | None = None

    def __repr__(self) -> str:
        """Say what became of it in one line: notebooks show it below the card."""
        plain = self.plain()
        ran = ", ".join(each.step for each in self.steps if each.ran) or "nothing"
        model = f", models:/{self.model['name']}/{self.model['version']}" if self.model else ""
        return f"<Outcome of {self.root.name!r}: {plain['status']}, ran {ran}{model}>"

    @property
    def rejected(self) -> bool:
        """Whether the model was evaluated, and misses a criterion."""
        return self.error is None and self.status == names.REJECTED

    def plain(self) -> dict[str, Any]:
        """Return it as plain values, for programs."""
        status = "failed" if self.error is not None else self.status.lower()
        return {
            "status": status,
            "recipe": self.recipe,
            "root": str(self.root),
            "profile": self.profile,
            "directory": str(self.directory),
            "steps": [
                {
                    "step": each.step,
                    "ran": each.ran,
                    "reason": each.reason,
                    "seconds": round(each.seconds, 3),
                    "failed": bool(each.error),
                    "notes": list(each.notes),
                }
                for each in self.steps
            ],
            "run_id": self.run_id or None,
            "metrics": dict(self.metrics),
            "criteria": list(self.criteria),
            "model": dict(self.model) or None,
            "error": None if self.error is None else str(self.error),
        }


Told = Callable[[Done], None]


def run(planner: Planner, name: str | None, told: Told | None = None) -> Outcome:
    """Run a recipe up to a step; a failure is in the outcome, and the steps before it are kept.

    ``told`` is called after each step.

    Raises:
        PegboardError: the configuration is wrong, or another process is at work; nothing has run.
    """
    where, outcome = planner.places, _begun(planner)
    planner.check(name)
    with where.lock():
        # Of a process that is killed, nobody shall read what became of the last run.
        (where.directory / SUMMARY).unlink(missing_ok=True)
        settle_left(planner)
        try:
            for done in _all(planner, name):
                _tell(outcome, done, told)
        except failures.Failed as failed:
            outcome.error = failed.error
            outcome.run_id = failed.run_id
            _tell(outcome, failed.done, told)
        finally:
            _complete(outcome, planner)
        _keep_record(outcome, planner)
    return outcome


def unchanged(planner: Planner, name: str | None, told: Told | None = None) -> Outcome | None:
    """Return what ``run`` would if no step has to run; None if one has.

    Raises:
        PegboardError: the configuration is wrong, or another process is at work.
    """
    planner.check(name)
    with planner.places.lock():
        steps = takewhile(lambda step: not _is_refused(planner, step), planner.wanted(name))
        found = planner.decisions(name)[: len(list(steps))]
        if any(each.runs for each in found):
            return None
        outcome = _begun(planner)
        for each in found:
            _tell(outcome, Done(step=each.step, ran=False, reason=each.reason), told)
        _complete(outcome, planner)
    return outcome


def _begun(planner: Planner) -> Outcome:
    config = planner.config
    return Outcome(config.recipe, config.root, config.profile, planner.places.directory)


def _tell(outcome: Outcome, done: Done, told: Told | None) -> None:
    outcome.steps.append(done)
    if told is not None:
        told(done)


def settle(planner: Planner) -> None:
    """Mark the run of a process that ended in the midst of a step, unless one is at work."""
    if _is_left(planner):
        with suppress(InvalidState, OSError), planner.places.lock():
            settle_left(planner)


def settle_left(planner: Planner) -> None:
    """Do so where the caller holds the lock."""
    if _is_left(planner):
        resolve("pegboard_recipes.leftovers:settle")(planner)  # What tracks takes time to import.


def _is_left(planner: Planner) -> bool:
    return any(planner.places.is_begun(step.name) for step in planner.steps)


def carried_out(
    planner: Planner, steps: Sequence[Step], asked: str | None, goal: str
) -> Iterator[Done]:
    """Run those of some steps that have to run, and yield what became of each.

    ``asked`` is the step that was asked for by name, ``goal`` the last of all. Failed ends it.
    """
    for step in steps:
        if _is_refused(planner, step):
            return
        decision = planner.decide(step, asked=step.data and step.name == asked)
        done = Done(step=step.name, ran=decision.runs, reason=decision.reason)
        yield _carried_out(planner, step, done, goal) if decision.runs else done


def _all(planner: Planner, name: str | None) -> Iterator[Done]:
    """Run all steps that lead to one, here or where the recipe says."""
    steps = list(planner.wanted(name))
    goal = steps[-1].name
    if not planner.config.values.get("runner"):
        yield from carried_out(planner, steps, name, goal)
        return
    elsewhere = resolve("pegboard_recipes.elsewhere:chosen")(planner)
    while steps and not _is_refused(planner, steps[0]):
        step = steps[0]
        here = planner.decide(step, asked=step.data and step.name == name)
        group = elsewhere.taken(steps) if here.runs else []
        if group:
            yield from _as_job(planner, elsewhere, group, name, goal)
        else:
            yield from carried_out(planner, steps[:1], name, goal)
        steps = steps[len(group) or 1 :]


def _as_job(
    planner: Planner, elsewhere: Any, group: Sequence[Step], asked: str | None, goal: str
) -> Iterator[Done]:
    """Run steps as one job; Failed if one of them fails, or the job does."""
    config = planner.config
    given = {
        "root": str(config.root),
        "profile": config.profile,
        "directory": str(config.directory),
        "asked": asked,
        "goal": goal,
    }
    seen = 0
    try:
        for line in elsewhere.run(planner, group, given):
            seen += 1
            names = ("step", "ran", "reason", "seconds", "error", "notes")
            done = Done(**{name: line[name] for name in names})
            if done.error:
                error = failures.StepFailed(line["message"], hint=line["hint"])
                raise failures.Failed(done, error, line["run_id"])
            yield done
    except PegboardError as error:
        step = group[min(seen, len(group) - 1)]
        done = Done(step=step.name, ran=True, reason="", error=str(error))
        raise failures.Failed(done, error) from error


def _is_refused(planner: Planner, step: Step) -> bool:
    """Whether a step would register a model that misses its criteria."""
    return step.name == "register" and _status(planner) == names.REJECTED


def _keep_record(outcome: Outcome, planner: Planner) -> None:
    """Log into the run what became of the steps, if anything did; a store that fails ends nothing.

    What was made is there, and the model is registered: only the page of the run lacks it.
    """
    changed = any(each.ran for each in outcome.steps)
    if not outcome.run_id or not changed:
        return
    plain = outcome.plain()
    facts = {key: plain[key] for key in ("status", "criteria", "model", "error")}
    try:
        keep = resolve("pegboard_recipes.records:keep")  # What tracks takes time to import.
        keep(planner, outcome.run_id, outcome.steps, facts)
    except (OSError, PegboardError) as error:
        _LOGGER.warning("The run %s lacks its record of steps: %s", outcome.run_id, error)


def _carried_out(planner: Planner, step: Step, done: Done, goal: str) -> Done:
    """Run one step; Failed says what went wrong, which is kept in place of its results."""
    config, where = planner.config, planner.places
    begun = time.monotonic()
    card = Card(step=step.name, recipe=config.root.name)
    # What the user's code prints is not the result of the command.
    said = Printed(sys.stderr)
    try:
        with where.working(step.name) as directory, _noted_warnings(directory / _LOG, said):
            work = Work(step, config, where, directory, card, goal)
            # Before the project is entered, where no bytecode is kept: libraries take long.
            carry_out = resolve(step.target)
            with project.entered(config.root), redirect_stdout(said), redirect_stderr(said):
                carry_out(work)
                imported = sorted(set(project.imported(config.root).values()) - {config.root})
            said.save(directory / places.PRINTED)
            _add_log(card, directory / _LOG)
            seconds = time.monotonic() - begun
            _keep(planner, step, work, imported, seconds)
    except (Exception, SystemExit) as error:  # Users' code that ends the process ends its step.
        seconds = time.monotonic() - begun
        explained = failures.explained(
            error, step.name, config.root, config.profile, results=where.directory
        )
        trace = "".join(traceback.format_exception(error))
        with suppress(OSError):
            failures.keep(where, step.name, config.root.name, explained, trace, said)
        failed = evolve(done, seconds=seconds, error=str(explained))
        run_id = str(card.facts.get("run_id", ""))
        raise failures.Failed(failed, explained, run_id) from error
    return evolve(done, seconds=seconds, notes=card.notes)


def _keep(
    planner: Planner, step: Step, work: Work, imported: Sequence[Path], seconds: float
) -> None:
    """Write card and state beside the results of a step."""
    directory = work.directory
    work.card.finish(seconds)
    work.card.write(directory)
    _write_config(planner, step)
    state = places.State(
        status=places.SUCCEEDED,
        when=time.time(),
        seconds=seconds,
        basis=planner.basis(step, imported),
        outputs=_digests(directory, _read_later(planner.steps, step)),
    )
    places.write_state(directory, state)
    if step.logged:
        resolve("pegboard_recipes.tracking:log_cards")(work, planner.steps)


def _read_later(steps: Sequence[Step], step: Step) -> set[str]:
    """Return the files of a step that others read, and those that have a name."""
    found = {file for each in steps for file in each.needs.get(step.name, ())}
    return found | {each.file for each in step.artifacts.values()}


def _digests(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the digests of results that are there; what computes one lets others do so, too."""
    from concurrent.futures import ThreadPoolExecutor  # Not where nothing changed.

    found = [name for name in sorted(names) if (directory / name).exists()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(_digest, [directory / name for name in found])
        return dict(zip(found, made, strict=True))


def _digest(path: Path) -> str:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return digests.of_values({digests.named(f, path): digests.of_file(f) for f in files})
    return digests.of_file(path)


def _write_config(planner: Planner, step: Step) -> None:
    """Write the configuration of a step where MLflow does."""
    import yaml

    values = {**planner.config.step(step.name)}
    values |= {key: planner.config.values.get(key) for key in step.keys}
    file = planner.places.step(step.name) / "conf.yaml"
    digests.write_whole(file, yaml.safe_dump(values, sort_keys=False))


# -- logs and warnings ----------------------------------------------------------------------------


@contextmanager
def _noted_warnings(file: Path, said: Printed) -> Iterator[None]:
    """Write warnings into a file and the log, rather than to the terminal."""

    def note(message: Any, category: Any, filename: str, lineno: int, *_: Any, **__: Any) -> None:
        text = f"{filename}:{lineno}: {category.__name__}: {message}\n"
        said.keep(text)
        with file.open("a", encoding="utf-8") as stream:
            stream.write(text)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_EXPECTED)
        warnings.showwarning = note
        yield


def _add_log(card: Card, file: Path) -> None:
    if file.is_file():
        card.tab("Warning Logs").text(file.read_text(encoding="utf-8"))


# -- what came of it -----------------------------------------------------------------------------


def _status(planner: Planner) -> str:
    """Return what the evaluation says: VALIDATED, names.REJECTED or UNKNOWN."""
    with suppress(OSError):
        return (planner.places.outputs("evaluate") / names.STATUS).read_text(encoding="utf-8")
    return names.NOT_VALIDATED


def _complete(outcome: Outcome, planner: Planner) -> None:
    """Add what the steps that are done have found, and write it down."""
    planner.memory.save()
    done = {each.step for each in outcome.steps if not each.error}

    def found(step: str, file: str) -> str:
        if step in done:
            with suppress(OSError):
                return (planner.places.outputs(step) / file).read_text(encoding="utf-8")
        return ""

    if (source := run_source(planner.steps)) is not None:
        outcome.run_id = found(*source).strip() or outcome.run_id
    outcome.status = found("evaluate", names.STATUS) or names.NOT_VALIDATED
    if facts := found("evaluate", places.CARD_JSON):
        known = json.loads(facts)["facts"]
        outcome.metrics, outcome.criteria = known.get("test", {}), known.get("criteria", [])
    if version := found("register", names.VERSION_FILE):
        outcome.model = json.loads(version)
    # On a full disk the outcome is still told.
    with suppress(OSError):
        text = json.dumps(outcome.plain(), indent=1)
        digests.write_whole(planner.places.directory / SUMMARY, text)
