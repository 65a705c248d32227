"""The errors that the contracts themselves raise, whatever the store, in the same words."""

from __future__ import annotations

from collections.abc import Iterable

from pegboard.errors import InvalidState, InvalidValue, NotSupported, quoted


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
    """The versions of this stage cannot give way to another."""
    return InvalidValue(
        f"A version that goes to the stage {quoted(stage)} archives no others.",
        hint="archive_existing is for stages in use, if there is a stage 'Archived'.",
    ).about("cannot_archive", stage=stage)


def nobody_approves() -> InvalidValue:
    """An approval was given without saying by whom."""
    return InvalidValue("An approval needs the user who gives it.", hint="Say who approves.")
