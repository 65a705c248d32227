"""The registered scorers of a server, MLflow's or ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pegboard_stores import filters
from pegboard_stores.scorers import Schedule, Scorers, ScorerVersion, content
from pegboard_wire.client.api import Api
from pegboard_wire.scalars import get, items, message

from pegboard_tracking.client.reviews import known_id
from pegboard_tracking.wire import scorers as wire
from pegboard_tracking.wire.scorers import BASE

T = TypeVar("T")

_AT_ONCE = 50
"""How many ids one query may name."""


class RestScorers(Scorers):
    """Scorers behind a server, which refuses code."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def register(self, experiment_id: str, name: str, serialized: str) -> ScorerVersion:
        """Add a version of a scorer."""
        content.data(serialized)
        answer = self._api.post(
            f"{BASE}/register",
            experiment_id=known_id(experiment_id),
            name=content.name(name),
            serialized_scorer=serialized,
        )
        return self._api.read(answer, lambda fields: wire.read_scorer(fields, ""))

    def latest(self, experiment_ids: Sequence[str] | None = None) -> Sequence[ScorerVersion]:
        """Return the latest version of each scorer, by experiment and name; None: of all."""
        found = self._listed(self._api.get(f"{BASE}/list"))
        return [
            each for each in found if experiment_ids is None or each.experiment_id in experiment_ids
        ]

    def versions(self, experiment_id: str, name: str) -> Sequence[ScorerVersion]:
        """Return all versions of a scorer, the first first."""
        answer = self._api.get(f"{BASE}/versions", experiment_id=known_id(experiment_id), name=name)
        return sorted(self._listed(answer), key=lambda each: each.version)

    def _listed(self, answer: Mapping[str, Any]) -> list[ScorerVersion]:
        return self._list(answer, "scorers", wire.read_scorer)

    def _list(
        self, answer: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], T]
    ) -> list[T]:
        return self._api.read(
            answer,
            lambda fields: [
                read(message(each, name)) for each in items(get(fields, name) or [], name)
            ],
        )

    def get(self, experiment_id: str, name: str, version: int | None = None) -> ScorerVersion:
        """Return a version of a scorer, by default the latest."""
        if version is not None and not 0 < version < 2**31:
            raise content.no_version(experiment_id, name, version)
        answer = self._api.get(
            f"{BASE}/get", experiment_id=known_id(experiment_id), name=name, version=version
        )
        return self._api.read(
            answer, lambda fields: wire.read_scorer(message(get(fields, "scorer"), "scorer"))
        )

    def by_id(self, scorer_id: str, version: int | None = None) -> ScorerVersion:
        """Return a version of the scorer of this id, by default the latest.

        The protocol has no such request, so all are listed.
        """
        for each in self.latest():
            if each.scorer_id == scorer_id:
                known = self.versions(each.experiment_id, each.name) if version else [each]
                for found in known:
                    if version in (None, found.version):
                        return found
        raise content.no_id(scorer_id, version)

    def delete(self, experiment_id: str, name: str, version: int | None = None) -> None:
        """Delete a version of a scorer, or all."""
        if version is not None and not 0 < version < 2**31:
            raise content.no_version(experiment_id, name, version)
        self._api.delete(
            f"{BASE}/delete", experiment_id=known_id(experiment_id), name=name, version=version
        )

    def schedule(
        self, experiment_id: str, name: str, sample_rate: float, filter: str = ""
    ) -> Schedule:
        """Let a scorer judge a share of the traces to come."""
        filters.parse_filter(filter, filters.TRACES)
        answer = self._api.connection.call(
            "PUT",
            f"{BASE}/online-config",
            {
                "experiment_id": known_id(experiment_id),
                "name": name,
                "sample_rate": content.rate(sample_rate),
                "filter_string": filter or None,
            },
            query=filter,
        )
        return self._api.read(
            answer, lambda fields: wire.read_schedule(message(get(fields, "config"), "config"))
        )

    def schedules(self, scorer_ids: Sequence[str]) -> Sequence[Schedule]:
        """Return the schedules of those of the scorers that have one."""
        wanted = [each for each in dict.fromkeys(scorer_ids) if each]
        found: dict[str, Schedule] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            answer = self._api.get(f"{BASE}/online-configs", scorer_ids=part)
            for each in self._list(answer, "configs", wire.read_schedule):
                found[each.scorer_id] = each
        return [found[each] for each in wanted if each in found]

    def scheduled(self) -> Sequence[tuple[ScorerVersion, Schedule]]:
        """Return the latest versions of all scorers that judge a share above 0."""
        known = {each.scorer_id: each for each in self.latest()}
        return [
            (known[each.scorer_id], each) for each in self.schedules([*known]) if each.sample_rate
        ]
