"""The ability of the SQLite store to show its runs as a table."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from pegboard_stores.filters import Field, Kind
from pegboard_stores.run_table import (
    Changes,
    Groups,
    Histogram,
    Keys,
    RunScope,
    RunTable,
    TablePage,
    TableQuery,
    ValueCount,
)
from pegboard_stores.run_table.bounds import check_bins, check_page
from pegboard_stores.run_table.words import key_order, key_test
from pegboard_stores.sql.patterns import patterns

from pegboard_tracking.points.overlay import Overlaid
from pegboard_tracking.run_table import groups, histograms, page, stats
from pegboard_tracking.run_table.kept import Memory
from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.tables import changes


class SqliteRunTable(RunTable):
    """Reads the table from the indexes."""

    def __init__(
        self, reading: Callable[[], AbstractContextManager[sqlite3.Connection]], memory: Memory
    ) -> None:
        """``reading`` opens one state of the store; ``memory`` is shared by all callers."""
        self._reading = reading
        self._memory = memory

    @contextlib.contextmanager
    def _looking(self, scope: RunScope) -> Iterator[Looked]:
        with self._reading() as connection, patterns():
            yield Looked(connection, scope, self._memory, _revision(connection))

    def page(self, query: TableQuery) -> TablePage:
        """Return a page; FilterError, InvalidValue."""
        query.check()
        with self._looking(query.scope) as looked:
            return page.page(looked, query)

    def groups(self, query: TableQuery, by: Field) -> Groups:
        """Return a page of groups; of columns with numbers there are figures."""
        query.check()
        with self._looking(query.scope) as looked:
            return groups.groups(looked, query, by)

    def keys(
        self,
        scope: RunScope,
        *,
        kinds: Sequence[Kind] = (),
        contains: str = "",
        pattern: str = "",
        offset: int = 0,
        limit: int = 100,
    ) -> Keys:
        """Return the metrics, params and tags that runs have, by kind and name."""
        check_page(limit, offset)
        with self._looking(scope) as looked:
            test, order = key_test(contains, pattern), key_order(contains)
            return stats.keys(looked, stats.Wanted(kinds, test, order), offset, limit)

    def values(
        self, scope: RunScope, column: Field, *, contains: str = "", limit: int = 50
    ) -> Sequence[ValueCount]:
        """Return the values of a column, the most frequent first."""
        check_page(limit)
        with self._looking(scope) as looked:
            return stats.values(looked, column, contains, limit)

    def histograms(
        self, scope: RunScope, columns: Sequence[Field], *, bins: int = 20
    ) -> Mapping[Field, Histogram]:
        """Return how the values of the runs that fit are spread."""
        check_bins(bins)
        with self._looking(scope) as looked:
            return {each: histograms.histogram(looked, each, bins) for each in columns}

    def revision(self) -> int:
        """Return a value that differs after each change of a run, by any process."""
        with self._reading() as connection:
            return _revision(connection)

    def changed_since(self, revision: int) -> Changes:
        """Return which runs were changed after a revision; None if that is not known any more."""
        with self._reading() as connection:
            now = _revision(connection)
            if now == revision:
                return Changes(now, {})
            unknown = min(now, revision) < 0
            return Changes(now, None if unknown else changes.since(connection, revision))


def _revision(connection: sqlite3.Connection) -> int:
    """Return the number of the last change.

    Where journals cannot be moved into the tables, a number below 0 that stands for what they and
    the tables hold together.
    """
    last = changes.last(connection)
    if not isinstance(connection, Overlaid) or connection.state is None:
        return last
    waiting = [each for each in connection.state.journals if each.size > each.position]
    return -1 - zlib.crc32(repr((last, waiting)).encode()) if waiting else last
