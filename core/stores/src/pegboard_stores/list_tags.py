"""Tags of runs and logged models that hold a list in JSON, such as ``mlflow.linkedPrompts``.

Who reads such a tag and writes it back with an entry more takes away what others, in another thread
or process, have added in between. So entries are added where the tag is kept, in one step.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import RunTag
from pegboard.errors import InvalidValue
from pegboard.validation import MAX_TAG_VALUE

_lock = threading.RLock()


class ListTags(ABC):
    """Adds entries to tags. An entry is a JSON object; one that is there is not added again.

    A tag that holds no list is replaced. NotFound, InvalidState for a deleted run, and InvalidValue
    for a list that gets longer than a tag may be; with ``cut`` the oldest entries go instead.
    """

    @abstractmethod
    def add_to_run(
        self, run_id: str, key: str, entries: Sequence[Mapping[str, Any]], *, cut: bool = False
    ) -> None:
        """Add entries to a tag of a run."""

    @abstractmethod
    def add_to_model(self, model_id: str, key: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add entries to a tag of a logged model."""


class GuardedListTags(ListTags):
    """Reads and writes under a re-entrant lock, by default one of this process.

    It is for stores that others change under the same lock; with MLflow's servers, what other
    processes add at the same moment may be lost.
    """

    def __init__(
        self, store: TrackingStore, lock: AbstractContextManager[object] | None = None
    ) -> None:
        self._store = store
        self._lock = lock or _lock

    def add_to_run(
        self, run_id: str, key: str, entries: Sequence[Mapping[str, Any]], *, cut: bool = False
    ) -> None:
        """Add entries to a tag of a run."""
        with self._lock:
            before = self._store.get_run(run_id).data.tags.get(key)
            after = added(before, entries, cut=cut)
            if after != before:
                self._store.log_batch(run_id, tags=[RunTag(key, after)])

    def add_to_model(self, model_id: str, key: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add entries to a tag of a logged model."""
        with self._lock:
            models = self._store.logged_models()
            before = models.get(model_id).tags.get(key)
            after = added(before, entries)
            if after != before:
                models.set_tags(model_id, {key: after})


def of(store: TrackingStore) -> ListTags:
    """Return what adds to the tags of a store, also of one that cannot do it by itself."""
    return store.ability(ListTags) or GuardedListTags(store)


def adding(
    entries: Sequence[Mapping[str, Any]], *, cut: bool = False
) -> Callable[[str | None], str]:
    """Return what makes the new text of a tag from the one that it has, None if it has none."""
    return lambda text: added(text, entries, cut=cut)


def added(text: str | None, entries: Sequence[Mapping[str, Any]], *, cut: bool = False) -> str:
    """Return the text of a tag with entries added; the same text if all are there."""
    known = read(text)
    there = [_plain(each) for each in known]
    new = []
    for entry in entries:
        if (plain := _plain(entry)) not in there:
            there.append(plain)
            new.append(entry)
    if not new and text is not None and known:
        return text
    found = [*known, *new]
    made = json.dumps(found)
    while cut and len(made) > MAX_TAG_VALUE and len(found) > 1:
        del found[0]
        made = json.dumps(found)
    if len(made) > MAX_TAG_VALUE:
        # Stores cut a text that is too long, and then it is no JSON any more.
        raise InvalidValue(
            f"The tag would list {len(found)} entries in {len(made)} characters; "
            f"it holds {MAX_TAG_VALUE}."
        )
    return made


def read(text: str | None) -> list[Any]:
    """Return the entries that a tag holds; none if it holds no list."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _plain(entry: Any) -> Any:
    """Return an entry as it is compared: some clients write a version as a number, some as text."""
    if isinstance(entry, Mapping):
        return {k: str(v) if isinstance(v, int) else v for k, v in entry.items()}
    return entry
