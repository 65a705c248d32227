"""Data sets over a mapping: the meaning of their contract, in plain Python."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from attrs import define, evolve, field, frozen
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.tags import USER

from pegboard_stores import filters, validation
from pegboard_stores.clock import now_ms
from pegboard_stores.data_sets import (
    DEFAULT_PAGE,
    DataSet,
    DataSetRecord,
    DataSets,
    DataSetVersion,
    Merged,
    RecordChange,
    content,
)
from pegboard_stores.data_sets.content import Content, Given
from pegboard_stores.filters import DATA_SETS, Field, Kind, OrderBy
from pegboard_stores.mapping_pages import page
from pegboard_stores.mapping_records import Records
from pegboard_stores.search_tokens import decode, encode

_TIES = (
    OrderBy(Field(Kind.ATTRIBUTE, "created_time"), ascending=False),
    OrderBy(Field(Kind.ATTRIBUTE, "dataset_id"), ascending=False),
)


@frozen
class KeptRecord:
    """A record as it was from one version on, up to before another (None: it still is)."""

    record: DataSetRecord
    key: bytes
    since: int
    until: int | None = None

    def is_in(self, version: int) -> bool:
        """Whether a version has it."""
        return self.since <= version and (self.until is None or self.until > version)

    @property
    def content(self) -> Content:
        """What it says."""
        it = self.record
        return Content(it.inputs, it.outputs, it.expectations, it.tags, it.source)


@define
class DataSetState:
    """All that is kept of one data set; the value type of the mapping of data sets.

    ``places`` has a list for each record, in the order they came: what it was, and is.
    """

    about: DataSet
    versions: list[DataSetVersion]
    places: dict[bytes, list[KeptRecord]] = field(factory=dict)
    sum: int = 0

    def at(self, version: int) -> dict[bytes, KeptRecord]:
        """Return the records of a version, by the key of their inputs."""
        found = ((key, each) for key, kept in self.places.items() for each in kept)
        return {key: each for key, each in found if each.is_in(version)}

    def number(self, version: int | str) -> int:
        """Return the number of a version; NotFound."""
        for each in reversed(self.versions):
            if str(version) in (str(each.version), each.digest):
                return each.version
        raise content.no_version(self.about.data_set_id, version)


class MappingDataSets(DataSets):
    """Data sets, each a value in a mapping."""

    def __init__(self, records: Records, states: MutableMapping[str, DataSetState]) -> None:
        """``records`` are those of the store: its experiments, and the lock."""
        self._records = records
        self._states = states

    def _state(self, data_set_id: str) -> DataSetState:
        found = self._states.get(data_set_id)
        if found is None:
            raise content.no_data_set(data_set_id)
        return found

    def _change(self, data_set_id: str, **changes: Any) -> DataSet:
        state = self._state(data_set_id)
        state.about = evolve(state.about, **changes)
        self._states[data_set_id] = state
        return state.about

    def create(
        self,
        name: str,
        *,
        tags: Mapping[str, Any] | None = None,
        experiment_ids: Sequence[str] = (),
    ) -> DataSet:
        """Create an empty data set."""
        name, checked, now = content.name(name), content.tags(tags or {}), now_ms()
        digest, user = content.set_digest(0), checked.get(USER)
        with self._records.lock:
            made = DataSet(
                data_set_id=f"d-{uuid.uuid4().hex}",
                name=name,
                digest=digest,
                created_time=now,
                last_update_time=now,
                version=0,
                tags=checked,
                created_by=user,
                last_updated_by=user,
                experiment_ids=self._known_experiments(experiment_ids),
            )
            first = DataSetVersion(
                version=0, digest=digest, records=0, created_time=now, created_by=user
            )
            self._states[made.data_set_id] = DataSetState(made, [first])
            return made

    def _known_experiments(self, experiment_ids: Sequence[str]) -> tuple[str, ...]:
        found = {self._records.experiment(each).experiment_id for each in experiment_ids}
        return tuple(sorted(found, key=lambda each: (len(each), each)))

    def get(self, data_set_id: str) -> DataSet:
        """Return a data set."""
        with self._records.lock:
            return self._state(data_set_id).about

    def delete(self, data_set_id: str) -> None:
        """Remove a data set for good with all its records and versions, if it is there."""
        with self._records.lock:
            self._states.pop(data_set_id, None)

    def search(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSet]:
        """Return data sets that match; by default the last made first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        expr = filters.parse_filter(filter, DATA_SETS)
        order = (*filters.parse_order_by(order_by, DATA_SETS), *_TIES)
        with self._records.lock:
            known = [state.about for state in self._states.values()]
        wanted = {*experiment_ids}
        found = filters.select(
            expr,
            [each for each in known if not wanted or wanted & {*(each.experiment_ids or ())}],
        )
        found.sort(
            key=lambda each: [
                filters.key_part(getattr(each, by.field.key), ascending=by.ascending)
                for by in order
            ]
        )
        return page(found, (tuple(experiment_ids), expr, order), max_results, page_token)

    def set_tags(self, data_set_id: str, tags: Mapping[str, Any]) -> None:
        """Set or change tags."""
        checked = content.tags(tags)
        with self._records.lock:
            self._change(data_set_id, tags={**self.get(data_set_id).tags, **checked})

    def delete_tag(self, data_set_id: str, key: str) -> None:
        """Remove a tag, if it is there."""
        with self._records.lock:
            kept = {name: v for name, v in self.get(data_set_id).tags.items() if name != key}
            self._change(data_set_id, tags=kept)

    def add_to(self, data_set_id: str, experiment_ids: Sequence[str]) -> DataSet:
        """Make the data set one of these experiments, too."""
        with self._records.lock:
            homes = [*self.experiment_ids(data_set_id), *experiment_ids]
            return self._move(data_set_id, self._known_experiments(homes))

    def remove_from(self, data_set_id: str, experiment_ids: Sequence[str]) -> DataSet:
        """Undo ``add_to``."""
        with self._records.lock:
            known = self.experiment_ids(data_set_id)
            return self._move(data_set_id, [each for each in known if each not in experiment_ids])

    def _move(self, data_set_id: str, homes: Sequence[str]) -> DataSet:
        return self._change(data_set_id, experiment_ids=tuple(homes), last_update_time=now_ms())

    def experiment_ids(self, data_set_id: str) -> Sequence[str]:
        """Return the experiments that a data set belongs to."""
        return self.get(data_set_id).experiment_ids or ()

    # -- records ---------------------------------------------------------------------------------

    def merge(self, data_set_id: str, records: Sequence[Mapping[str, Any]]) -> Merged:
        """Add records, or merge them with those of the same inputs."""
        given = content.given(records)
        with self._records.lock:
            state = self._state(data_set_id)
            known = state.at(_latest(state))
            new = dict(known)
            for each in given:
                new[each.key] = _merged(state, each, new.get(each.key))
            schema = content.grown_schema(state.about.schema, given)
            users = [each.user for each in given if each.user]
            self._keep(state, new, users[-1] if users else None, schema)
        return Merged(len(new) - len(known), len(given) - len(new) + len(known))

    def delete_records(self, data_set_id: str, record_ids: Sequence[str]) -> int:
        """Remove records from the latest version; return how many of them were there."""
        gone = {*record_ids}
        with self._records.lock:
            state = self._state(data_set_id)
            known = state.at(_latest(state))
            new = {key: each for key, each in known.items() if each.record.record_id not in gone}
            if len(new) < len(known):
                self._keep(state, new, None, state.about.schema)
            return len(known) - len(new)

    def _keep(
        self,
        state: DataSetState,
        new: Mapping[bytes, KeptRecord],
        user: str | None,
        schema: str | None,
    ) -> None:
        """Make the records of the latest version these, which is a version if anything differs."""
        number, counts = _latest(state) + 1, {"added": 0, "changed": 0, "removed": 0}
        old = state.at(number - 1)
        for key in {**old, **new}:
            before, after = old.get(key), new.get(key)
            if _differ(before, after):
                counts[RecordChange(_record(before), _record(after)).kind] += 1
                _replace(state, key, before, after)
        now = now_ms()
        about = evolve(
            state.about,
            last_update_time=now,
            last_updated_by=user or state.about.last_updated_by,
            schema=schema,
        )
        if any(counts.values()):
            digest = content.set_digest(state.sum)
            profile = content.profile(len(new))
            about = evolve(about, version=number, digest=digest, profile=profile)
            made = DataSetVersion(
                version=number,
                digest=digest,
                records=len(new),
                created_time=now,
                created_by=user,
                **counts,
            )
            state.versions = [*state.versions, made]
        state.about = about
        self._states[about.data_set_id] = state

    def records(
        self,
        data_set_id: str,
        *,
        version: int | str | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSetRecord]:
        """Return the records of a version, by default the latest, in the order they came."""
        validation.page_size(max_results, SEARCH_LIMIT)
        query = ("records of a data set", data_set_id, version)
        after = decode(page_token, query, [float, float])
        with self._records.lock:
            state = self._state(data_set_id)
            begin, number = 0, _latest(state) if version is None else state.number(version)
            if after is not None:
                # All pages of an answer are of the same version.
                begin, number = (max(int(each or 0), 0) for each in after)
            found = [each.record for each in state.at(number).values()]
        end = begin + max_results
        token = encode((end, number), query) if end < len(found) else None
        return Page(found[begin:end], token)

    # -- versions --------------------------------------------------------------------------------

    def versions(
        self,
        data_set_id: str,
        *,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSetVersion]:
        """Return the versions, the latest first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        with self._records.lock:
            found = self._state(data_set_id).versions[::-1]
        return page(found, ("versions of a data set", data_set_id), max_results, page_token)

    def diff(
        self,
        data_set_id: str,
        before: int | str,
        after: int | str,
        *,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[RecordChange]:
        """Return what differs between two versions, in the order in which records came."""
        validation.page_size(max_results, SEARCH_LIMIT)
        with self._records.lock:
            state = self._state(data_set_id)
            old, new = (state.at(state.number(each)) for each in (before, after))
            changes = [
                RecordChange(_record(old.get(key)), _record(new.get(key)))
                for key in state.places
                if _differ(old.get(key), new.get(key))
            ]
        query = ("changes of a data set", data_set_id, before, after)
        return page(changes, query, max_results, page_token)


def _latest(state: DataSetState) -> int:
    return state.versions[-1].version


def _record(kept: KeptRecord | None) -> DataSetRecord | None:
    return None if kept is None else kept.record


def _differ(one: KeptRecord | None, other: KeptRecord | None) -> bool:
    if one is None or other is None:
        return one is not other
    return one.content.digest != other.content.digest


def _merged(state: DataSetState, given: Given, known: KeptRecord | None) -> KeptRecord:
    """Return a record after a merge, as it is to be in the next version."""
    now, user, version = now_ms(), given.user, _latest(state) + 1
    new = given.merged(None if known is None else known.content)
    parts = {
        name: getattr(new, name) for name in ("inputs", "outputs", "expectations", "tags", "source")
    }
    if known is None:
        # One that was removed comes back with its id.
        former = state.places.get(given.key)
        record = DataSetRecord(
            record_id=former[-1].record.record_id if former else f"dr-{uuid.uuid4().hex}",
            data_set_id=state.about.data_set_id,
            created_time=now,
            last_update_time=now,
            created_by=user,
            last_updated_by=user,
            **parts,
        )
    else:
        changer = user or known.record.last_updated_by
        record = evolve(known.record, last_update_time=now, last_updated_by=changer, **parts)
    return KeptRecord(record, given.key, version)


def _replace(
    state: DataSetState, key: bytes, before: KeptRecord | None, after: KeptRecord | None
) -> None:
    """Put a record in the place of what it was."""
    kept = list(state.places.get(key, ()))
    if before is not None:
        kept[-1] = evolve(before, until=_latest(state) + 1)
        state.sum = content.total(state.sum, minus=content.element(before.content.digest))
    if after is not None:
        kept.append(after)
        state.sum = content.total(state.sum, plus=content.element(after.content.digest))
    state.places = {**state.places, key: kept}
