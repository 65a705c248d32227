"""``pegboard traces``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

import click
from pegboard import paging
from pegboard.cli import output
from pegboard.entities import ViewType
from pegboard.entities.traces import TRACE_NAME, Assessment, Span, Trace, TraceInfo
from pegboard_stores import formats, tables
from pegboard_stores.traces.outline import as_text

from pegboard_tracking.commands import common, printing
from pegboard_tracking.wire.trace_codec import info_json
from pegboard_tracking.wire.traces import trace_json

_SHOWN = 60
"""How many characters of a request or an answer are shown."""
_IN_SPANS = ("mlflow.spanInputs", "mlflow.spanOutputs")


@click.group(epilog=output.examples("pegboard traces list", "pegboard traces show tr-5f0c…"))
def traces() -> None:
    """List and show traces: what applications did for a request, step by step."""


@traces.command(
    "list",
    epilog=output.examples(
        "pegboard traces list --filter \"trace.status = 'ERROR'\" -x my-experiment",
        'pegboard traces list --order-by "execution_time_ms DESC" --limit 5',
    ),
)
@click.option(
    "--filter",
    "filter_text",
    default="",
    metavar="TEXT",
    help="Which ones, for instance \"trace.status = 'ERROR' AND tags.team = 'blue'\".",
)
@common.order_option
@common.experiment_option
@common.limit_option(20)
@output.json_option
def list_traces(
    filter_text: str,
    order_by: tuple[str, ...],
    experiments: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List traces, the last begun first."""
    store = common.open_store()
    chosen = common.chosen_experiments(store, experiments, ViewType.ACTIVE_ONLY)
    search = partial(
        store.traces().search,
        list(chosen),
        filter=filter_text,
        order_by=order_by,
        max_results=min(limit + 1, common.PAGE),
    )
    found: Iterator[TraceInfo] = paging.items(search)
    shown = list(islice(found, limit))
    if not shown:
        output.note("No trace matches.")
    if as_json:
        printing.print_json_array(info_json(info) for info in shown)
        return
    if shown:
        tables.note_hidden(tables.print_table(_COLUMNS, [_row(info) for info in shown]))
    if next(found, None) is not None:
        output.note(f"More traces match than these {limit}; see --limit.")


_COLUMNS = [
    tables.Column("Started"),
    tables.Column("Name", style="bold", most=30),
    tables.Column("State", styles={"OK": "green", "ERROR": "red", "IN_PROGRESS": "yellow"}),
    tables.Column("Duration", right=True),
    tables.Column("Request", optional=1, most=_SHOWN),
    tables.Column("Response", optional=2, most=_SHOWN),
    tables.Column("Id"),
]


def _row(info: TraceInfo) -> list[object]:
    return [
        formats.moment(info.request_time),
        info.tags.get(TRACE_NAME, "-"),
        info.state,
        _duration(info),
        _short(info.request_preview),
        _short(info.response_preview),
        info.trace_id,
    ]


def _duration(info: TraceInfo) -> str:
    return "-" if info.execution_duration is None else _seconds(info.execution_duration * 1_000_000)


def _seconds(ns: int) -> str:
    return f"{ns / 1e6:.1f} ms" if ns < 1_000_000_000 else f"{ns / 1e9:.2f} s"


def _short(text: str | None) -> str:
    text = " ".join((text or "-").split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


@traces.command(epilog=output.examples("pegboard traces show tr-5f0c…"))
@click.argument("trace_id")
@output.json_option
def show(trace_id: str, as_json: bool) -> None:
    """Show a trace: its outline, its spans as a tree, and what was said about it."""
    found = common.open_store().traces().get(trace_id)
    if as_json:
        output.print_json(trace_json(found))
        return
    info = found.info
    output.print_record(
        [
            ("name", info.tags.get(TRACE_NAME, "-")),
            ("id", info.trace_id),
            ("experiment", info.experiment_id),
            ("state", info.state),
            ("started", f"{formats.moment(info.request_time)} ({formats.age(info.request_time)})"),
            ("duration", _duration(info)),
            ("request", _short(info.request_preview)),
            ("response", _short(info.response_preview)),
        ]
    )
    _section("Spans", list(_tree(found)))
    _section("Assessments", [_assessment(item) for item in info.assessments])
    _section("Tags", [pair for pair in sorted(info.tags.items()) if pair[0] != TRACE_NAME])
    _section("Metadata", sorted((k, _short(v)) for k, v in info.trace_metadata.items()))


def _section(title: str, pairs: Sequence[tuple[str, object]]) -> None:
    if pairs:
        click.echo()
        output.heading(title)
        output.print_record(pairs, indent="  ")


def _tree(trace: Trace) -> Iterator[tuple[str, str]]:
    """Yield the spans, each below the one that it is within, and what there is to say of them."""
    known = {span.span_id for span in trace.spans}
    within: dict[str | None, list[Span]] = {}
    for span in trace.spans:
        parent = span.parent_id if span.parent_id in known else None
        within.setdefault(parent, []).append(span)
    waiting = [(span, 0) for span in reversed(within.get(None, []))]
    while waiting:
        span, depth = waiting.pop()
        yield f"{'  ' * depth}{span.name}", _line(span)
        waiting += [(each, depth + 1) for each in reversed(within.get(span.span_id, []))]


def _line(span: Span) -> str:
    facts = [
        "open" if span.end_time_ns is None else _seconds(span.end_time_ns - span.start_time_ns)
    ]
    if span.span_type != "UNKNOWN":
        facts.insert(0, span.span_type)
    if span.status == "ERROR":
        facts.append(f"ERROR {_short(span.status_message)}".removesuffix(" -"))
    values = [span.attributes.get(key) for key in _IN_SPANS]
    told = " → ".join("" if value is None else _short(as_text(value)) for value in values)
    return "  ".join([*facts, *([told] if told.strip("→ ") else [])])


def _assessment(item: Assessment) -> tuple[str, str]:
    said = item.error.error_message if item.error else as_text(item.value)
    facts = [str(item.kind), _short(said), f"{item.source_type} {item.source_id}", item.rationale]
    if not item.valid:
        facts.append("overridden")
    return item.name, "  ".join(fact for fact in facts if fact)
