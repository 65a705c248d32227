"""Tags that hold lists: our servers add to them in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard_stores.list_tags import GuardedListTags, ListTags

from pegboard_tracking.wire.pegboard_endpoints import ADD_TO_TAG

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore
    from pegboard_wire.client.api import Api


class RestListTags(ListTags):
    """Adds entries to tags of a server that knows how."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def add_to_run(
        self, run_id: str, key: str, entries: Sequence[Mapping[str, Any]], *, cut: bool = False
    ) -> None:
        """Add entries to a tag of a run; a server alone cuts lists."""
        del cut
        self._api.post(ADD_TO_TAG, run_id=run_id, key=key, entries=list(entries))

    def add_to_model(self, model_id: str, key: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add entries to a tag of a logged model."""
        self._api.post(ADD_TO_TAG, model_id=model_id, key=key, entries=list(entries))


def list_tags(store: TrackingStore, api: Api) -> ListTags:
    """Return what adds to the tags of a server; of one that does not know how, by two requests."""
    able = api.connection.abilities(patient=True).list_tags
    return RestListTags(api) if able else GuardedListTags(store)
