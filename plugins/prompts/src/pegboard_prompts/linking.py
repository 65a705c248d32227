"""Which runs, logged models and traces used which versions: MLflow's tag ``mlflow.linkedPrompts``.

A run, a model and a trace are linked when a version is loaded while they are active.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pegboard.errors import PegboardError
from pegboard_scripting.fluent import experiments, runs
from pegboard_stores import list_tags
from pegboard_stores.prompt_tags import LINKED

from pegboard_prompts.entities import PromptVersion

if TYPE_CHECKING:
    from pegboard_scripting.client import Client

logger = logging.getLogger("pegboard")

Pair = tuple[str, int]
_MOST_KNOWN = 10_000
_known: set[tuple[str, str, str, int]] = set()
"""What this process has linked already: store, run or model, name and version."""


def read(text: str | None) -> list[Pair]:
    """Return the versions that a tag names; what others wrote there wrongly is passed over."""
    pairs: list[Pair] = []
    for each in list_tags.read(text):
        if isinstance(each, Mapping) and str(each.get("version")).isdigit():
            pairs.append((str(each.get("name")), int(each["version"])))
    return pairs


def added(text: str | None, pairs: Iterable[Pair]) -> str:
    """Return a tag with versions added, each once."""
    return list_tags.added(text, [_entry(each) for each in pairs])


def _entry(pair: Pair) -> dict[str, str]:
    return {"name": pair[0], "version": str(pair[1])}


def to_active(version: PromptVersion, model_id: str | None) -> None:
    """Link a version to the active run and trace, and to a model if one is given."""
    open_run = runs.current()
    if open_run is not None:
        with _told(version, "run", open_run.run.info.run_id):
            to_run(open_run.client, open_run.run.info.run_id, version)
    if model_id is not None:
        with _told(version, "model", model_id):
            to_model(experiments.client(), model_id, version)
    from pegboard_tracing.api import current_span  # Not for those who only look at prompts.

    span = current_span()
    if span is not None:
        pair = (version.name, version.version)
        before = span.get_attribute(LINKED)
        span.set_attribute(LINKED, added(before if isinstance(before, str) else None, [pair]))
        tags = span.trace.tags
        tags[LINKED] = added(tags.get(LINKED), [pair])


@contextmanager
def _told(version: PromptVersion, what: str, which: str) -> Iterator[None]:
    """Warn of a link that fails: who loads a prompt needs the prompt; the link is for others."""
    try:
        yield
    except PegboardError as error:
        logger.warning("%s was not linked to the %s %s: %s", version.uri, what, which, error)


def to_run(client: Client, run_id: str, version: PromptVersion) -> None:
    """Link a version to a run."""
    mark = (client.tracking_uri, run_id, version.name, version.version)
    if mark in _known:
        return
    list_tags.of(client.store).add_to_run(run_id, LINKED, [_entry(mark[2:])])
    _remember(mark)


def to_model(client: Client, model_id: str, version: PromptVersion) -> None:
    """Link a version to a logged model."""
    mark = (client.tracking_uri, model_id, version.name, version.version)
    if mark in _known:
        return
    list_tags.of(client.store).add_to_model(model_id, LINKED, [_entry(mark[2:])])
    _remember(mark)


def to_trace(client: Client, trace_id: str, versions: Iterable[PromptVersion]) -> None:
    """Link versions to a trace that has ended."""
    pairs = [(each.name, str(each.version)) for each in versions]
    from pegboard_tracing.api import traces_of

    traces_of(client).link_prompts(trace_id, pairs)


def _remember(mark: tuple[str, str, str, int]) -> None:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known.add(mark)
