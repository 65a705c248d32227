"""Templates that are tried in place of those of versions, by the names of prompts.

Only what runs within ``tried`` sees them: other threads, and other tasks, do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from attrs import field, frozen
from pegboard_llm.templates import Template


@frozen
class _Trial:
    templates: Mapping[str, Template]
    used: set[str] = field(factory=set)


_trial: ContextVar[_Trial | None] = ContextVar("pegboard_prompts_trial", default=None)


def template_of(name: str) -> Template | None:
    """Return the template that is tried for a prompt; None if none is."""
    trial = _trial.get()
    if trial is None or name not in trial.templates:
        return None
    trial.used.add(name)
    return trial.templates[name]


@contextmanager
def tried(templates: Mapping[str, Template]) -> Iterator[set[str]]:
    """Within this block, all versions of these prompts have these templates.

    Yields the names of those that were used.
    """
    trial = _Trial(templates)
    token = _trial.set(trial)
    try:
        yield trial.used
    finally:
        _trial.reset(token)
