"""Reading traces back: by their ids, or by searching."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

from pegboard import paging
from pegboard.contracts.traces import DEFAULT_PAGE, TraceStore
from pegboard.entities import Page
from pegboard.errors import InvalidValue, PegboardError
from pegboard_scripting.client import writers
from pegboard_scripting.fluent import experiments

from pegboard_tracing import destinations, keys
from pegboard_tracing.entities.traces import Session, Trace, TraceData, TraceInfo

if TYPE_CHECKING:
    import pandas
    from pegboard_scripting.client import Client

_PAGE = 500
_SESSIONS = 100

logger = logging.getLogger("pegboard")


def traces_of(client: Client | None = None) -> TraceStore:
    """Return the traces of a store, with all that this process traced."""
    flush()
    return (client or experiments.client()).store.traces()


def flush() -> None:
    """Return when readers of the store see all spans that have ended.

    Nothing is lost without it: a span is kept when it ends.
    """
    writers.flush_all()
    destinations.flush_queues()


def get_trace(trace_id: str, silent: bool = False, flush: bool = False) -> Trace | None:
    """Return a trace; None, with a warning unless ``silent``, if it is not there.

    One that is in progress has the spans that have ended. ``flush`` does nothing: what this process
    traced is always there.
    """
    del flush
    try:
        return Trace.of(traces_of().get(str(trace_id)))
    except PegboardError as error:
        logger.log(
            logging.DEBUG if silent else logging.WARNING,
            "The trace %r could not be read: %s",
            trace_id,
            error,
        )
        return None


@overload
def search_traces(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Sequence[str] | None = None,
    extract_fields: Sequence[str] | None = None,
    run_id: str | None = None,
    *,
    return_type: Literal["list"],
    model_id: str | None = None,
    sql_warehouse_id: str | None = None,
    include_spans: bool = True,
    locations: Sequence[str] | None = None,
    flush: bool = False,
) -> list[Trace]: ...


@overload
def search_traces(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Sequence[str] | None = None,
    extract_fields: Sequence[str] | None = None,
    run_id: str | None = None,
    return_type: Literal["pandas"] | None = None,
    model_id: str | None = None,
    sql_warehouse_id: str | None = None,
    include_spans: bool = True,
    locations: Sequence[str] | None = None,
    flush: bool = False,
) -> pandas.DataFrame: ...


def search_traces(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Sequence[str] | None = None,
    extract_fields: Sequence[str] | None = None,
    run_id: str | None = None,
    return_type: Literal["pandas", "list"] | None = None,
    model_id: str | None = None,
    sql_warehouse_id: str | None = None,
    include_spans: bool = True,
    locations: Sequence[str] | None = None,
    flush: bool = False,
) -> pandas.DataFrame | list[Trace]:
    """Return the traces that match, as a ``pandas`` table or a ``list``; the last begun first.

    They are searched in the experiments of ``locations`` (or ``experiment_ids``, the older name),
    else in the active one. Without ``return_type`` it is a table if pandas is installed.
    ``extract_fields``, such as ``name.inputs.question``, become columns of the table.
    """
    del sql_warehouse_id, flush
    if return_type not in (None, "pandas", "list"):
        raise InvalidValue(f"return_type is {return_type!r}; it should be 'pandas' or 'list'.")
    if return_type == "list" and extract_fields:
        raise InvalidValue("extract_fields become columns, which a list does not have.")
    kind = return_type or _default_type()
    where = _locations(locations, experiment_ids)
    search = partial(
        search_page,
        traces_of(),
        where,
        filter_string=narrowed(filter_string, run_id, model_id),
        order_by=order_by or (),
        include_spans=include_spans,
    )
    wanted = max_results if max_results is not None else 1 << 62
    found: list[Trace] = paging.first(search, wanted, _PAGE)
    if kind == "list":
        return found
    from pegboard_tracing import frames

    return frames.table(found, extract_fields or ())


def _default_type() -> str:
    from importlib.util import find_spec

    return "list" if find_spec("pandas") is None else "pandas"


def _locations(locations: Sequence[str] | None, older: Sequence[str] | None) -> list[str]:
    for name, given in (("locations", locations), ("experiment_ids", older)):
        if isinstance(given, str):
            raise InvalidValue(f"{name} is a list of ids of experiments, not the text {given!r}.")
    given = [*(locations or ()), *(older or ())]
    return [str(each) for each in given] or [experiments.current_experiment_id()]


def narrowed(filter_string: str | None, run_id: str | None, model_id: str | None) -> str:
    """Return a filter that also asks for a run and a model."""
    parts = [filter_string or ""]
    for name, value in (
        ("attributes.run_id", run_id),
        (f"request_metadata.`{keys.MODEL_ID}`", model_id),
    ):
        if value:
            if "'" in value:
                raise InvalidValue(f"{value!r} is not an id.")
            parts.append(f"{name} = '{value}'")
    return " AND ".join(filter(None, parts))


def search_page(
    traces: TraceStore,
    experiment_ids: Sequence[str],
    *,
    filter_string: str,
    order_by: Sequence[str] = (),
    max_results: int = DEFAULT_PAGE,
    page_token: str | None = None,
    include_spans: bool = True,
) -> Page[Trace]:
    """Return a page of traces that match."""
    infos = traces.search(
        experiment_ids,
        filter=filter_string,
        order_by=order_by,
        max_results=max_results,
        page_token=page_token,
    )
    if not include_spans:
        return Page([Trace(TraceInfo.of(info), TraceData()) for info in infos], infos.token)
    found = traces.traces([info.trace_id for info in infos])
    return Page([Trace.of(trace) for trace in found], infos.token)


def search_sessions(
    max_results: int = _SESSIONS,
    run_id: str | None = None,
    model_id: str | None = None,
    include_spans: bool = True,
    locations: Sequence[str] | None = None,
) -> list[Session]:
    """Return sessions with all their traces, in the order these began; the last session first."""
    where = _locations(locations, None)
    store = traces_of()
    search: Callable[..., Page[Trace]] = partial(
        search_page,
        store,
        where,
        filter_string=narrowed(None, run_id, model_id),
        include_spans=False,
        max_results=_PAGE,
    )
    return [
        Session(
            list(
                _all(
                    partial(
                        search_page,
                        store,
                        where,
                        filter_string=narrowed(_of_session(session), run_id, model_id),
                        order_by=["timestamp ASC"],
                        include_spans=include_spans,
                        max_results=_PAGE,
                    )
                )
            )
        )
        for session in _sessions(search, max_results)
    ]


def _sessions(search: Callable[..., Page[Trace]], most: int) -> list[str]:
    found: dict[str, None] = {}
    for trace in _all(search):
        session = trace.info.trace_metadata.get(keys.SESSION)
        if session and "'" not in session:
            found[session] = None
        if len(found) >= most:
            break
    return list(found)


def _of_session(session: str) -> str:
    return f"metadata.`{keys.SESSION}` = '{session}'"


def _all(search: Callable[..., Page[Trace]]) -> Iterator[Trace]:
    token: str | None = None
    while True:
        page: Any = search(page_token=token)
        yield from page
        token = page.token
        if token is None:
            return
