"""The contract of tables of runs, and the values that it speaks of.

Columns are ``filters.Field`` of metrics, params, tags and attributes (``columns``). Values are
numbers (of metrics and times), texts (of all others), or None where a run has none; a metric that
is not a number is ``nan``. Times are ms since 1970.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from attrs import field, frozen
from pegboard.entities import ViewType

from pegboard_stores.filters import Field, Kind, OrderBy
from pegboard_stores.run_table.bounds import MOST_ROWS, check_page

Value = float | str | None

DISTINCT = 200
"""Up to this many different values are counted exactly."""


@frozen
class Within:
    """Only runs that have just this value in a column; None: that have none."""

    column: Field
    value: Value


@frozen
class RunScope:
    """The runs in view: those of experiments that fit ``q``.

    ``q`` is a filter of searches, or plain words, all of which stand in a run's name, notes or tags
    (``words``). FilterError says at which column a filter is wrong.
    """

    experiment_ids: Sequence[str]
    q: str = ""
    view: ViewType = ViewType.ACTIVE_ONLY
    within: Within | None = None


@frozen(kw_only=True)
class TableQuery:
    """A page of the table.

    ``columns`` are those wanted; without any the store chooses. ``sort`` is by any column; ties
    and no ``sort``: the last started first. NaN comes last but one, what is missing last.

    ``tree`` puts runs below their parents (tag ``mlflow.parentRunId``): the rows are the runs
    without one in scope, each followed by its children if it is among ``opened``, and so on. A run
    that does not fit stays as long as one below it fits. Parents that go round in a circle do not
    count.

    ``spark`` is the key of a metric, the course of which is wanted; ``*`` is the first metric among
    the columns.
    """

    scope: RunScope
    columns: Sequence[Field] = ()
    sort: OrderBy | None = None
    offset: int = 0
    limit: int = 100
    tree: bool = False
    opened: Sequence[str] = ()
    spark: str = ""

    def check(self) -> None:
        """Raise InvalidValue for a page that no table has."""
        check_page(self.limit, self.offset, MOST_ROWS)


@frozen(kw_only=True)
class TablePage:
    """Rows of the table, in columns of equal length.

    ``total`` are the runs in scope without ``q`` and ``within``, ``matched`` those that fit them,
    ``live`` those that are RUNNING; ``rows`` is how long the whole table is, which differs from
    ``matched`` only in a tree. ``asked`` are columns that ``q`` and ``sort`` speak of; they are the
    first of ``chosen``, the columns that there are. ``dimmed`` rows do not fit, and are there for
    what is below them. ``children`` is how many rows a run has directly below it.
    """

    total: int
    matched: int
    live: int
    rows: int
    revision: int
    asked: Sequence[Field]
    chosen: Sequence[Field]
    ids: Sequence[str]
    names: Sequence[str]
    status: Sequence[str]
    experiments: Sequence[str]
    parents: Sequence[str | None]
    depth: Sequence[int]
    children: Sequence[int]
    dimmed: Sequence[bool]
    columns: Mapping[Field, Sequence[Value]]
    sparks: Mapping[str, Sequence[float]] = field(factory=dict)
    """By run: up to 32 finite values of a metric, in the order of steps."""


@frozen
class Figures:
    """The finite numbers of a column in a group: how many, and their least, mean and greatest."""

    count: int
    min: float
    mean: float
    max: float


@frozen
class Group:
    """The runs that have the same value in a column; None: that have none."""

    value: Value
    runs: int
    live: int
    figures: Mapping[Field, Figures]


@frozen(kw_only=True)
class Groups:
    """Groups of the runs that fit, the largest first or as a sort says: by the mean of a column."""

    total: int
    matched: int
    live: int
    revision: int
    asked: Sequence[Field]
    chosen: Sequence[Field]
    count: int
    """How many groups there are."""
    groups: Sequence[Group]


@frozen(kw_only=True)
class KeyInfo:
    """A column that some run has: how many have it, and how many different values.

    If there are more than ``DISTINCT`` different values, the count may stop at that. ``min`` and
    ``max`` are of finite numbers; None for texts.
    """

    column: Field
    runs: int
    distinct: int
    min: float | None = None
    max: float | None = None


@frozen
class Keys:
    """A page of columns by name, and how many there are altogether."""

    total: int
    keys: Sequence[KeyInfo]


@frozen
class ValueCount:
    """A value, and how many runs have it."""

    value: float | str
    runs: int


@frozen(kw_only=True)
class Histogram:
    """How the values of a column are spread.

    Of numbers: ``edges``, one more than ``counts``, which rise; a bin holds its lower edge, the
    last one both. ``nan`` and ``infinite`` are counted beside. Of texts: the most frequent
    ``values`` and their counts, and ``other`` for the runs with any other one.
    """

    counts: Sequence[int]
    edges: Sequence[float] | None = None
    nan: int = 0
    infinite: int = 0
    values: Sequence[str] = ()
    other: int = 0


@frozen
class Changes:
    """What has changed: the ids of runs, and of the experiment of each; None: perhaps anything."""

    revision: int
    runs: Mapping[str, str] | None


class RunTable(ABC):
    """Shows the runs of experiments as a table.

    Unknown experiments have no runs. What was acknowledged before a call is in its answer. All of
    it is given up with the ``cancellation.Work`` that it is a part of.
    """

    @abstractmethod
    def page(self, query: TableQuery) -> TablePage:
        """Return a page; FilterError, InvalidValue."""

    @abstractmethod
    def groups(self, query: TableQuery, by: Field) -> Groups:
        """Return a page of groups; of columns with numbers there are figures."""

    @abstractmethod
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
        """Return the metrics, params and tags that runs have, by kind and name; ``q`` is not used.

        ``contains`` is a part of the key in any case of letters: those that begin with it, and
        those of the shortest paths, come first (``words.key_order``). ``pattern`` is a regular
        expression as in filters. InvalidValue for a wrong one, and for a page that no table has
        (``bounds``).
        """

    @abstractmethod
    def values(
        self, scope: RunScope, column: Field, *, contains: str = "", limit: int = 50
    ) -> Sequence[ValueCount]:
        """Return the values of a column, the most frequent first; ``q`` is not used.

        InvalidValue for a ``limit`` that no table has.
        """

    @abstractmethod
    def histograms(
        self, scope: RunScope, columns: Sequence[Field], *, bins: int = 20
    ) -> Mapping[Field, Histogram]:
        """Return how the values of the runs that fit are spread; InvalidValue for wrong bins."""

    @abstractmethod
    def revision(self) -> int:
        """Return a value that differs after each change of a run, by any process."""

    @abstractmethod
    def changed_since(self, revision: int) -> Changes:
        """Return which runs were changed after a revision; None if that is not known any more."""
