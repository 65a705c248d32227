"""Tuning: parameters are tried by Optuna, in several processes if the recipe says so.

Tries are kept in a file beside the step's results, so a run that was broken off goes on. When the
step is done, the file is removed: the tries are in the card, and runs of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from pegboard.entities import Metric, Param, RunStatus
from pegboard.errors import InvalidValue, PegboardError, PluginError
from pegboard.tags import PARENT_RUN_ID

from pegboard_recipes import digests, project
from pegboard_recipes.step import Work
from pegboard_recipes.steps import journal
from pegboard_recipes.steps.checks import ALGORITHMS
from pegboard_recipes.steps.trying import Tries
from pegboard_recipes.tracking import Tracked

_SEED, _APART = 42, 1000
_STOP = "stop"
_STATES = {"FAIL": "broken off"}
_SHOWN = 10
_PAUSE_S = 0.1
_LONGEST = 6000


@frozen(eq=False)
class Tuned:
    """The best parameters, and what was tried: rows of number, value, state and parameters."""

    params: Mapping[str, Any]
    trials: list[dict[str, Any]]


def optuna() -> Any:
    """Return Optuna; PluginError says what to install if it is not there."""
    try:
        import optuna as found
    except ImportError as error:
        raise PluginError(
            "Parameters are tuned by Optuna, which is not installed.",
            hint="Install it: pip install optuna",
        ) from error
    found.logging.set_verbosity(found.logging.WARNING)
    return found


def tuned(work: Work, tries: Tries, tracked: Tracked, run_id: str) -> Tuned:
    """Try parameters until there are as many tries as the recipe says; return the best."""
    file = _file(work, tries)
    journal.mend(file)
    study = opened(work, file)
    _forget_broken(study)
    if study.trials:
        study = opened(work, file, drawn=len(study.trials))
    stops = _early_stop(work, study)
    workers = int(work.own["tuning"].get("parallelism") or 1)
    if workers > 1:
        _in_processes(work, file, study, workers, stops)
    else:
        go_on(work, study, tries, stops)
    for trial in study.trials:
        _log_run(work, tracked, run_id, tries, trial)
    found = _best(work, tries, study)
    _describe(work, found)
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink(missing_ok=True)
    return found


def go_on(work: Work, study: Any, tries: Tries, stops: Callable[[], bool]) -> None:
    """Try until there are enough tries, those of other processes among them."""
    most = int(work.own["tuning"]["max_trials"])
    while begun(study) < most and not study.user_attrs.get(_STOP):
        study.optimize(tries.objective, n_trials=1)
        if stops():
            study.set_user_attr(_STOP, True)


# -- the study -----------------------------------------------------------------------------------


def _file(work: Work, tries: Tries) -> Path:
    """Return where tries are kept: a file that is another if anything that they depend on is."""
    own = {key: value for key, value in work.own.items() if key != "tuning"}
    given = work.own["tuning"]
    known = {
        # More tries, or more processes, go on with those that are there.
        "own": own,
        "tuning": {key: given.get(key) for key in ("parameters", "algorithm", "sample_fraction")},
        "params": dict(tries.params),
        "code": {
            file.name: digests.of_file(file)
            for file in sorted(set(project.imported(work.config.root).values()))
            if file.is_file()
        },
        "inputs": dict(work.places.state("transform").outputs),
    }
    return work.places.step("train") / f"tuning-{digests.of_values(known)}.journal"


def opened(work: Work, file: Path, number: int = 0, *, drawn: int = 0) -> Any:
    """Return the study whose tries are in a file, which is made if need be.

    ``number`` tells processes apart, and ``drawn``, how many tries there were when the run began,
    tells runs apart: each draws other values.
    """
    library = optuna()
    algorithm = work.own["tuning"].get("algorithm", "hyperopt.rand.suggest")
    return library.create_study(
        study_name="tuning",
        storage=journal.opened(library, file),
        sampler=getattr(library.samplers, ALGORITHMS[algorithm])(seed=_seed(number, drawn)),
        pruner=library.pruners.MedianPruner(n_startup_trials=5),
        direction="maximize" if work.config.primary.greater_is_better else "minimize",
        load_if_exists=True,
    )


def _seed(number: int, drawn: int) -> int:
    return _SEED + number + drawn * _APART


def begun(study: Any) -> int:
    """Return how many tries there are, those that were broken off left out."""
    failed = optuna().trial.TrialState.FAIL
    return len([trial for trial in study.trials if trial.state != failed])


def _forget_broken(study: Any) -> None:
    """End tries that a run which was broken off left."""
    failed = optuna().trial.TrialState.FAIL
    for trial in study.trials:
        if not trial.state.is_finished():
            study.tell(trial.number, state=failed)


def _complete(study: Any) -> list[Any]:
    """Return the tries that have a value, the best first."""
    complete = optuna().trial.TrialState.COMPLETE
    found = [trial for trial in study.trials if trial.state == complete]
    sign = -1 if study.direction.name == "MAXIMIZE" else 1
    return sorted(found, key=lambda trial: (sign * trial.value, trial.number))


# -- several processes ---------------------------------------------------------------------------


def _in_processes(
    work: Work, file: Path, study: Any, count: int, stops: Callable[[], bool]
) -> None:
    """Let processes try at once; they share the file of tries."""
    config = work.config
    given = {
        "root": str(config.root),
        "profile": config.profile,
        "directory": str(work.places.directory),
        "file": str(file),
        "drawn": len(study.trials),
    }
    words = [sys.executable, "-m", "pegboard_recipes.steps.tuning_worker"]
    running: list[subprocess.Popen[str]] = []
    try:
        for number in range(count):
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stdin is not None
            process.stdin.write(json.dumps({**given, "number": number}))
            process.stdin.close()
            running.append(process)
        seen = 0
        while any(process.poll() is None for process in running):
            time.sleep(_PAUSE_S)
            known = len(_complete(study))
            if known > seen and stops():
                study.set_user_attr(_STOP, True)
            seen = known
        _check_ended(running)
        _check_tried(work, study)
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


def _check_ended(running: list[subprocess.Popen[str]]) -> None:
    for process in running:
        if process.returncode:
            assert process.stderr is not None
            said = process.stderr.read().strip()
            raise PegboardError(
                said or f"A process that tried parameters ended with {process.returncode}."
            )


def _check_tried(work: Work, study: Any) -> None:
    """Refuse fewer tries than were asked for: an exit code of 0 alone says nothing."""
    states = optuna().trial.TrialState
    ended = [each for each in study.trials if each.state in (states.COMPLETE, states.PRUNED)]
    most = int(work.own["tuning"]["max_trials"])
    if len(ended) < most and not study.user_attrs.get(_STOP):
        raise PegboardError(
            f"Of {most} tries {len(ended)} came to their end: a process that tried parameters "
            "ended before, without a word.",
            hint="Does the estimator end its process? The next run goes on with what is there.",
        )


# -- when to stop --------------------------------------------------------------------------------


class Trials:
    """What a function of hyperopt's convention gets: the tries so far."""

    def __init__(self, study: Any) -> None:
        sign = -1 if study.direction.name == "MAXIMIZE" else 1
        found = sorted(_complete(study), key=lambda trial: int(trial.number))
        self.trials = [
            {
                "tid": trial.number,
                "result": {"loss": sign * trial.value, "status": "ok"},
                "misc": {"vals": {k: [v] for k, v in trial.user_attrs["params"].items()}},
            }
            for trial in found
        ]

    def __len__(self) -> int:
        return len(self.trials)

    def losses(self) -> list[float]:
        """Return what each try lost; less is better."""
        return [trial["result"]["loss"] for trial in self.trials]

    @property
    def results(self) -> list[Any]:
        """The results of all tries."""
        return [trial["result"] for trial in self.trials]

    @property
    def best_trial(self) -> Any:
        """The try that lost least."""
        return min(self.trials, key=lambda trial: trial["result"]["loss"])


def _early_stop(work: Work, study: Any) -> Callable[[], bool]:
    """Return what says whether enough was tried: the user's function, if there is one."""
    name = work.own["tuning"].get("early_stop_fn")
    if not name:
        return lambda: False
    module, _, function = str(name).rpartition(".")
    key = "steps.train.tuning.early_stop_fn"
    root = work.config.root
    module = module.removeprefix("steps.") or work.step.module
    ask = project.function(root, module, function, key)
    kept: list[Any] = []

    def stops() -> bool:
        found = Trials(study)
        if not found.trials:
            return False
        said = ask(found, *kept)
        if not isinstance(said, tuple) or len(said) != 2:
            raise InvalidValue(f"{key} {name!r} returned {said!r}, not (stop, arguments).")
        kept[:] = said[1] or []
        return bool(said[0])

    return stops


# -- what came of it -----------------------------------------------------------------------------


def _best(work: Work, tries: Tries, study: Any) -> Tuned:
    """Return the best parameters: none if those of the recipe alone do better."""
    ordered = _complete(study)
    if not ordered:
        raise InvalidValue("No try of parameters came to its end.")
    best = ordered[0]
    rows = [
        {
            "number": trial.number,
            "state": _STATES.get(trial.state.name, trial.state.name.lower()),
            "value": trial.value,
            **trial.user_attrs.get("params", {}),
        }
        for trial in [*ordered, *(t for t in study.trials if t.value is None)]
    ]
    params = dict(best.user_attrs["params"])
    if tries.params:
        alone = tries.value(tries.params, tries.rows)
        greater = work.config.primary.greater_is_better
        if alone > best.value if greater else alone < best.value:
            params = {}
            work.card.tab("Tuning Trials").text(
                f"estimator_params alone are better than all tries: {alone:.6g}."
            )
    return Tuned(params, rows)


def _log_run(work: Work, tracked: Tracked, run_id: str, tries: Tries, trial: Any) -> None:
    """Log a try as a run in the run of the recipe."""
    if trial.value is None:
        return
    client = tracked.client
    parent = client.get_run(run_id)
    begun_ms = int(trial.datetime_start.timestamp() * 1000)
    made = client.create_run(
        tracked.experiment_id,
        start_time=begun_ms,
        tags={**parent.data.tags, PARENT_RUN_ID: run_id, "mlflow.runName": f"try {trial.number}"},
    )
    params = {**tries.params, **trial.user_attrs["params"]}
    name = work.config.primary.name
    at = int(trial.datetime_complete.timestamp() * 1000)
    client.log_batch(
        made.info.run_id,
        metrics=[Metric(name, float(trial.value), at, 0)],
        params=[Param(key, str(value)[:_LONGEST]) for key, value in params.items()],
    )
    client.set_terminated(made.info.run_id, RunStatus.FINISHED, at)


def _describe(work: Work, found: Tuned) -> None:
    import yaml

    tab = work.card.tab("Tuning Trials")
    space = yaml.safe_dump(work.own["tuning"]["parameters"], sort_keys=False)
    tab.heading("Search space").text(space).heading("The best tries")
    first = found.trials[:_SHOWN]
    columns = list(dict.fromkeys(key for row in first for key in row))
    rows = [[row.get(key) for key in columns] for row in first]
    titles = [work.config.primary.name if key == "value" else key for key in columns]
    tab.table(titles, rows, strong=[0])
    states = [row["state"] for row in found.trials]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    tab.facts(Tries=", ".join(f"{count} {state}" for state, count in counts.items()))
    work.card.facts["trials"] = found.trials
