"""The errors that every store raises for the same troubles, in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pegboard.errors import (
    AlreadyExists,
    Deleted,
    InvalidState,
    InvalidValue,
    NotFound,
    NotSupported,
    quoted,
)


def no_experiment(experiment_id: str) -> NotFound:
    """No experiment has this id."""
    return NotFound(f"There is no experiment with the id {quoted(experiment_id)}.").about(
        "no_experiment", experiment_id=experiment_id
    )


def experiment_deleted(experiment_id: str, name: str) -> Deleted:
    """The experiment to be changed is deleted."""
    return Deleted(
        f"The experiment {quoted(name)} (id {experiment_id}) is deleted.", hint="Restore it first."
    ).about("experiment_deleted", experiment_id=experiment_id, name=name)


def experiment_is(experiment_id: str, stage: str) -> InvalidState:
    """The experiment is in the state it should be brought into."""
    return InvalidState(f"The experiment {quoted(experiment_id)} is {stage} already.").about(
        "experiment_is", experiment_id=experiment_id, stage=stage
    )


def name_taken(name: str, experiment_id: str, *, deleted: bool) -> AlreadyExists:
    """Another experiment, perhaps a deleted one, has this name."""
    return AlreadyExists(
        f"There is {'a deleted' if deleted else 'an'} experiment named {quoted(name)} "
        f"(id {experiment_id}) already.",
        hint="Restore it, or choose another name." if deleted else "",
    ).about("name_taken", name=name, experiment_id=experiment_id, deleted=deleted)


def experiment_in_use(experiment_id: str, *, by_runs: bool) -> InvalidState:
    """An experiment to be removed for good is not deleted, or still has runs."""
    if by_runs:
        return InvalidState(
            f"The experiment {quoted(experiment_id)} still has runs.", hint="Purge them first."
        ).about("experiment_in_use", experiment_id=experiment_id, by_runs=by_runs)
    return InvalidState(
        f"The experiment {quoted(experiment_id)} is in use.", hint="Delete it first."
    ).about("experiment_in_use", experiment_id=experiment_id, by_runs=by_runs)


def no_tag(kind: str, owner_id: str, key: str) -> NotFound:
    """The tag to be removed is not there; ``kind`` is ``run`` or the like."""
    return NotFound(f"The {kind} {quoted(owner_id)} has no tag {quoted(key)}.").about(
        f"no_{kind.replace(' ', '_')}_tag", owner_id=owner_id, key=key
    )


def no_run(run_id: str) -> NotFound:
    """No run has this id."""
    return NotFound(f"There is no run with the id {quoted(run_id)}.").about("no_run", run_id=run_id)


def run_taken(run_id: str) -> AlreadyExists:
    """A run to be created has the id of another."""
    return AlreadyExists(f"There is a run with the id {quoted(run_id)} already.").about(
        "run_taken", run_id=run_id
    )


def run_deleted(run_id: str) -> Deleted:
    """The run to be changed is deleted."""
    return Deleted(f"The run {quoted(run_id)} is deleted.", hint="Restore it first.").about(
        "run_deleted", run_id=run_id
    )


def run_in_use(run_id: str) -> InvalidState:
    """A run to be removed for good is not deleted."""
    return InvalidState(f"The run {quoted(run_id)} is in use.", hint="Delete it first.").about(
        "run_in_use", run_id=run_id
    )


def two_names(name: str, tag: str) -> InvalidValue:
    """A run to be created was given two different names."""
    return InvalidValue(
        f"The run is named {quoted(name)}, but its tag 'mlflow.runName' says {quoted(tag)}.",
        hint="Give only one of them.",
    ).about("two_names", name=name, tag=tag)


def param_set(run_id: str, key: str, old: str, new: str) -> InvalidValue:
    """A param that is set would get another value."""
    return InvalidValue(
        f"The param {quoted(key)} of the run {quoted(run_id)} is {quoted(old)} "
        f"and cannot be changed to {quoted(new)}.",
        hint="Params are set once; use a tag for what changes.",
    ).about("param_set", run_id=run_id, key=key, old=old, new=new)


def no_model(model_id: str) -> NotFound:
    """No logged model has this id, or it is deleted."""
    return NotFound(f"There is no logged model with the id {quoted(model_id)}.").about(
        "no_model", model_id=model_id
    )


def model_in_use(model_id: str) -> InvalidState:
    """A logged model to be removed for good is not deleted."""
    return InvalidState(
        f"The logged model {quoted(model_id)} is in use.", hint="Delete it first."
    ).about("model_in_use", model_id=model_id)


def model_param_set(model_id: str, key: str, old: str, new: str) -> InvalidValue:
    """A param of a logged model that is set would get another value."""
    return InvalidValue(
        f"The param {quoted(key)} of the logged model {quoted(model_id)} is {quoted(old)} "
        f"and cannot be changed to {quoted(new)}.",
        hint="Params are set once; use a tag for what changes.",
    ).about("model_param_set", model_id=model_id, key=key, old=old, new=new)


def no_trace(trace_id: str) -> NotFound:
    """No trace has this id."""
    return NotFound(f"There is no trace with the id {quoted(trace_id)}.").about(
        "no_trace", trace_id=trace_id
    )


def no_assessment(assessment_id: str, trace_id: str) -> NotFound:
    """The trace has no assessment of this id."""
    return NotFound(
        f"The trace {quoted(trace_id)} has no assessment with the id {quoted(assessment_id)}."
    ).about("no_assessment", assessment_id=assessment_id, trace_id=trace_id)


def no_registered_model(name: str, *, now: str | None = None) -> NotFound:
    """No registered model has this name; perhaps it has another one ``now``."""
    return NotFound(
        f"There is no registered model named {quoted(name)}.",
        hint=f"It was renamed to {quoted(now)}." if now else "",
    ).about("no_registered_model", name=name, now=now)


def registered_name_taken(name: str) -> AlreadyExists:
    """Another registered model has this name."""
    return AlreadyExists(f"There is a registered model named {quoted(name)} already.").about(
        "registered_name_taken", name=name
    )


def no_version(name: str, version: str) -> NotFound:
    """A registered model has no such version."""
    return NotFound(f"The registered model {quoted(name)} has no version {quoted(version)}.").about(
        "no_version", name=name, version=version
    )


def no_versions(name: str) -> NotFound:
    """A registered model has no version at all."""
    return NotFound(f"The registered model {quoted(name)} has no version.").about(
        "no_versions", name=name
    )


def no_alias(name: str, alias: str) -> NotFound:
    """A registered model has no such alias."""
    return NotFound(f"The registered model {quoted(name)} has no alias {quoted(alias)}.").about(
        "no_alias", name=name, alias=alias
    )


def unsupported(what: str, store: object) -> NotSupported:
    """The tracking store lacks an ability."""
    return NotSupported(
        f"{type(store).__name__}, the tracking store in use, does not keep {what}.",
        hint="Use another store, such as sqlite:PATH.",
    )


def nothing_to_roll_back(name: str, alias: str) -> InvalidState:
    """An alias did not point at another version before, or at none that is still there."""
    return InvalidState(
        f"The alias {quoted(alias)} of {quoted(name)} has no earlier version to go back to.",
        hint="Set it to a version instead.",
    ).about("nothing_to_roll_back", name=name, alias=alias)


def no_stage(stage: str, stages: Iterable[str]) -> InvalidValue:
    """There is no such stage."""
    known = ", ".join(stages)
    return InvalidValue(f"{quoted(stage)} is not a stage.", hint=f"Stages are: {known}.").about(
        "no_stage", stage=stage, stages=known
    )


def cannot_archive(stage: str) -> InvalidValue:
    """The versions of this stage cannot be archived for another one."""
    return InvalidValue(
        f"A version that goes to the stage {quoted(stage)} archives no others.",
        hint="archive_existing is for stages in use, if there is a stage 'Archived'.",
    ).about("cannot_archive", stage=stage)


def nobody_approves() -> InvalidValue:
    """An approval was given without saying by whom."""
    return InvalidValue("An approval needs the user who gives it.", hint="Say who approves.")


@contextmanager
def of_prompts() -> Iterator[None]:
    """Let errors of a registry speak of prompts, which are registered models to it."""
    try:
        yield
    except NotFound as error:
        error.message = error.message.replace("registered model", "prompt")
        raise
