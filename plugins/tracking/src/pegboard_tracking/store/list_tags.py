"""Tags that hold lists, added to within one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard_stores.list_tags import ListTags, adding

if TYPE_CHECKING:
    from pegboard_stores.sqlite import Database

    from pegboard_tracking.store.logged_models import LoggedModels
    from pegboard_tracking.store.sqlite import SqliteStore


class SqliteListTags(ListTags):
    """Adds entries to tags of the SQLite store."""

    def __init__(self, store: SqliteStore, models: LoggedModels) -> None:
        self._store, self._models = store, models

    def add_to_run(
        self, run_id: str, key: str, entries: Sequence[Mapping[str, Any]], *, cut: bool = False
    ) -> None:
        """Add entries to a tag of a run."""
        self._store.change_tag(run_id, key, adding(entries, cut=cut))

    def add_to_model(self, model_id: str, key: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add entries to a tag of a logged model."""
        self._models.change_tag(model_id, key, adding(entries))


def opened(store: SqliteStore, database: Database) -> ListTags:
    """Return what adds to the tags of a store."""
    from pegboard_tracking.store.logged_models import LoggedModels

    return SqliteListTags(store, LoggedModels(database))
