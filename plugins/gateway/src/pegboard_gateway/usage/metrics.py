"""The gateway's numbers as Prometheus reads them.

They come from the sums that the writers keep in the table, so they are those of all workers, begin
where they were after a restart, and cost a call nothing. They are behind by a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pegboard_stores.sqlite import Database
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from pegboard_gateway.money import DOLLAR
from pegboard_gateway.usage.tables import ATTEMPT_LABELS, BOUNDS, BUCKETS, LABELS, SUMS, TOTALS

_TOKENS = {
    "input": "tokens_in",
    "output": "tokens_out",
    "cached": "tokens_cached",
    "reasoning": "tokens_reasoning",
}


class Numbers:
    """Collects the sums of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering need not ask for the numbers."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the numbers."""
        query = f"SELECT {', '.join(TOTALS)} FROM gateway_total"  # noqa: S608
        with self._database.reading() as connection:
            rows = connection.execute(query).fetchall()
            attempts = connection.execute("SELECT * FROM gateway_attempt_total").fetchall()
        yield from _families([dict(zip(TOTALS, row, strict=True)) for row in rows])
        yield from _of_attempts(attempts)


def _families(rows: Sequence[dict[str, Any]]) -> Iterable[Metric]:
    models = ["endpoint", "provider", "model"]
    calls = CounterMetricFamily("pegboard_gateway_calls", "Calls.", labels=LABELS)
    tokens = CounterMetricFamily("pegboard_gateway_tokens", "Tokens.", labels=[*models, "kind"])
    cost = CounterMetricFamily("pegboard_gateway_cost_dollars", "What calls cost.", labels=models)
    unpriced = CounterMetricFamily(
        "pegboard_gateway_unpriced_calls",
        "Calls that the cost lacks, as nobody knows their price.",
        labels=models,
    )
    seconds = HistogramMetricFamily(
        "pegboard_gateway_call_seconds",
        "How long calls took, from the request to the last byte of the answer.",
        labels=LABELS,
    )
    upstream = CounterMetricFamily(
        "pegboard_gateway_upstream_seconds", "How long upstreams took.", labels=models
    )
    first = CounterMetricFamily(
        "pegboard_gateway_first_token_seconds",
        "How long streams took to their first event; divide by pegboard_gateway_streams.",
        labels=models,
    )
    streams = CounterMetricFamily("pegboard_gateway_streams", "Streams that began.", labels=models)
    for row in rows:
        labels = [str(row[name]) for name in LABELS]
        calls.add_metric(labels, row["calls"])
        buckets = [(str(b), float(row[n])) for b, n in zip(BOUNDS, BUCKETS, strict=True)]
        seconds.add_metric(labels, [*buckets, ("+Inf", float(row["calls"]))], row["seconds"])
    for model, sums in _by_model(rows).items():
        for kind, name in _TOKENS.items():
            tokens.add_metric([*model, kind], sums[name])
        cost.add_metric(model, sums["cost"] / DOLLAR)
        unpriced.add_metric(model, sums["unpriced"])
        upstream.add_metric(model, sums["upstream_seconds"])
        first.add_metric(model, sums["first_token_seconds"])
        streams.add_metric(model, sums["streams"])
    return (calls, tokens, cost, unpriced, seconds, upstream, first, streams)


def _of_attempts(rows: Sequence[tuple[Any, ...]]) -> Iterable[Metric]:
    attempts = CounterMetricFamily(
        "pegboard_gateway_attempts",
        "Attempts at targets; those that failed have a trouble.",
        labels=ATTEMPT_LABELS,
    )
    seconds = CounterMetricFamily(
        "pegboard_gateway_attempt_seconds", "How long attempts took.", labels=ATTEMPT_LABELS
    )
    for *labels, count, took in rows:
        attempts.add_metric([str(label) for label in labels], count)
        seconds.add_metric([str(label) for label in labels], took)
    return (attempts, seconds)


def _by_model(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, float]]:
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        sums = found.setdefault((row["endpoint"], row["provider"], row["model"]), {})
        for name in SUMS:
            sums[name] = sums.get(name, 0) + row[name]
    return found
