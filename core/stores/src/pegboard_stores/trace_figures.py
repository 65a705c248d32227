"""Figures of traces: what a trace store may be able to do beyond its contract.

A store that has them returns a ``TraceFigures`` from ``TraceStore.ability``, and passes the tests
of it in ``pegboard_testing``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum

from attrs import frozen
from pegboard.errors import InvalidValue


class MetricViewType(StrEnum):
    """What a metric of traces is about: whole traces, spans, or assessments."""

    TRACES = "TRACES"
    SPANS = "SPANS"
    ASSESSMENTS = "ASSESSMENTS"


class AggregationType(StrEnum):
    """What many values become."""

    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    PERCENTILE = "PERCENTILE"
    MIN = "MIN"
    MAX = "MAX"


@frozen
class MetricAggregation:
    """What many values become; ``percentile_value``, from 0 to 100, is for PERCENTILE alone."""

    aggregation_type: AggregationType
    percentile_value: float | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse a percentile that is out of range, or not asked for."""
        value = self.percentile_value
        if self.aggregation_type is not AggregationType.PERCENTILE:
            if value is not None:
                raise InvalidValue(f"A percentile was given for {self.aggregation_type}.")
        elif value is None or not 0 <= value <= 100:
            raise InvalidValue(f"The percentile is {value}, not from 0 to 100.")

    def __str__(self) -> str:
        """Return the name of the value in a data point: ``SUM``, or ``P99.0``."""
        if self.aggregation_type is not AggregationType.PERCENTILE:
            return str(self.aggregation_type)
        return f"P{self.percentile_value}"


@frozen
class MetricDataPoint:
    """One group of values: what they have in common, and what became of them."""

    metric_name: str
    dimensions: Mapping[str, str]
    values: Mapping[str, float]


@frozen
class TraceMetricsQuery:
    """What is to be aggregated, and how it is grouped; times in ms, both ends included.

    ``dimensions`` are names such as ``trace_name``; with ``time_interval_seconds``, for which both
    times are needed, there is a group for each interval too. Each of the ``filters`` is one
    comparison like ``trace.status = 'OK'``, and all must hold.
    """

    experiment_ids: Sequence[str]
    view_type: MetricViewType
    metric_name: str
    aggregations: Sequence[MetricAggregation]
    dimensions: Sequence[str] = ()
    filters: Sequence[str] = ()
    time_interval_seconds: int | None = None
    start_time_ms: int | None = None
    end_time_ms: int | None = None
    max_results: int = 1000


@frozen
class TraceFilterCorrelation:
    """How many traces fit two filters: the one, the other, both; and of how many."""

    filter1_count: int
    filter2_count: int
    joint_count: int
    total_count: int

    @property
    def npmi(self) -> float:
        """How much the two go together: 1 always, 0 as by chance, -1 never; NaN if undefined.

        This is the normalized pointwise mutual information.
        """
        if self.joint_count == 0 < min(self.filter1_count, self.filter2_count):
            return -1.0
        return self._npmi(0)

    @property
    def npmi_smoothed(self) -> float:
        """The same, with half a trace added to each case, which is steadier for few traces."""
        return self._npmi(0.5)

    def _npmi(self, more: float) -> float:
        only1 = self.filter1_count - self.joint_count
        only2 = self.filter2_count - self.joint_count
        neither = self.total_count - self.joint_count - only1 - only2
        if not self.filter1_count or not self.filter2_count or min(only1, only2, neither) < 0:
            return math.nan
        if only1 == only2 == neither == 0:
            return 1.0
        joint, total = self.joint_count + more, self.total_count + 4 * more
        one, other = self.filter1_count + 2 * more, self.filter2_count + 2 * more
        found = math.log(joint * total / (one * other)) / -math.log(joint / total)
        return max(-1.0, min(1.0, found))


class TraceFigures(ABC):
    """Counts, sums and the like, of traces, spans and assessments."""

    @abstractmethod
    def correlation(
        self, experiment_ids: Sequence[str], filter1: str, filter2: str, *, base_filter: str = ""
    ) -> TraceFilterCorrelation:
        """Return how many traces of these experiments fit two filters, alone and together.

        With ``base_filter``, only traces that fit that one count.
        """

    @abstractmethod
    def metrics(self, query: TraceMetricsQuery) -> list[MetricDataPoint]:
        """Return aggregated figures, ordered by time and dimensions.

        Of traces: ``trace_count``, ``session_count``, ``latency`` (ms), ``input_tokens``,
        ``output_tokens``, ``total_tokens``, ``cache_read_input_tokens`` and
        ``cache_creation_input_tokens``. Of spans: ``span_count``, ``latency`` (ms),
        ``input_cost``, ``output_cost`` and ``total_cost``. Of valid assessments:
        ``assessment_count`` and ``assessment_value``.
        """
