"""The contract of traces, as tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from pegboard.contracts.traces import MAX_LINKS, TraceStore
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Run
from pegboard.entities.traces import (
    Assessment,
    AssessmentError,
    AssessmentKind,
    Span,
    SpanEvent,
    SpanLink,
    SpanStatusCode,
    TraceInfo,
    TraceState,
)
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard_stores.trace_figures import TraceFigures

from pegboard_testing._base import WRONG_IDS
from pegboard_testing._data import TEXTS
from pegboard_testing._texts import AWKWARD, finding, unlike
from pegboard_testing._trace_figures import TraceFiguresContract
from pegboard_testing._trace_prompts import TracePromptTests

_SECOND = 1_000_000_000


def span(trace_id: str, number: int = 1, **more: Any) -> Span:
    """Return a span of one second; that of number 1 is the first, in which others are."""
    given: dict[str, Any] = {
        "name": f"step {number}",
        "start_time_ns": number * _SECOND,
        "end_time_ns": (number + 1) * _SECOND,
        "parent_id": None if number == 1 else f"{1:016x}",
    }
    return Span(trace_id, f"{number:016x}", **{**given, **more})


def judged(trace_id: str, name: str, value: Any, **more: Any) -> Assessment:
    """Return feedback."""
    return Assessment(trace_id, name, AssessmentKind.FEEDBACK, value, "HUMAN", "me", **more)


class TraceStoreContract(TracePromptTests):
    """What every store of traces does.

    Subclass it, with a name that begins with ``Test``, and give it the fixture ``store``: a new,
    empty tracking store for each test, whose ``traces`` are tested. If the store outlives its
    process, override ``reopen`` too.
    """

    @pytest.fixture
    def traces(self, store: TrackingStore) -> TraceStore:
        return store.traces()

    def test_figures_that_the_store_has_are_under_contract(self, traces: TraceStore) -> None:
        able = traces.ability(TraceFigures) is not None
        assert not able or isinstance(self, TraceFiguresContract), "derive from it too"

    # -- outlines ------------------------------------------------------------------------------

    def test_an_outline_comes_back_as_it_was(
        self, store: TrackingStore, reopen: Callable[[], TrackingStore]
    ) -> None:
        info = TraceInfo(
            "tr-1",
            "0",
            1_000,
            TraceState.OK,
            25,
            "client-1",
            "question",
            "answer",
            {"mlflow.user": "me", "a b": "é"},
            {"mlflow.traceName": "ask", "team": "blue"},
        )
        made = store.traces().start(info)
        home = store.get_experiment("0").artifact_location
        files = {"mlflow.artifactLocation": f"{home}/traces/tr-1/artifacts"}
        assert attrs.evolve(made, tags={}, assessments=()) == attrs.evolve(info, tags={})
        assert made.tags == {**info.tags, **files}
        again = reopen().traces()
        assert again.infos(["tr-1"]) == [made]
        assert again.get("tr-1").info == made

    def test_the_outline_of_a_known_trace_replaces_what_was_known(self, traces: TraceStore) -> None:
        traces.start(TraceInfo("tr-1", "0", 5, TraceState.IN_PROGRESS, tags={"a": "1", "b": "1"}))
        traces.start(
            TraceInfo(
                "tr-1", "0", 7, TraceState.ERROR, 3, tags={"a": "2"}, trace_metadata={"m": ""}
            )
        )
        [info] = traces.infos(["tr-1"])
        assert (info.request_time, info.state, info.execution_duration) == (7, "ERROR", 3)
        assert {key: info.tags[key] for key in "ab"} == {"a": "2", "b": "1"}
        assert info.trace_metadata == {"m": ""}

    def test_assessments_come_with_an_outline_once(self, traces: TraceStore) -> None:
        item = judged("tr-1", "good", True, assessment_id="a-1")
        info = TraceInfo("tr-1", "0", 5, assessments=[item])
        for _ in range(2):
            traces.start(info)
        [found] = traces.infos(["tr-1"])[0].assessments
        assert (found.assessment_id, found.value) == ("a-1", True)

    def test_a_bad_id_is_refused(self, traces: TraceStore, subtests: pytest.Subtests) -> None:
        for trace_id in ["", "../x", "a/b", "a\0b", "x" * 300, ".", "a\nb"]:
            with subtests.test(trace_id=trace_id):
                with pytest.raises(InvalidValue):
                    traces.start(TraceInfo(trace_id, "0", 5))
                with pytest.raises(InvalidValue):
                    traces.log_spans("0", [span(trace_id)])
                assert traces.search(["0"]) == []

    def test_a_trace_needs_an_active_experiment(self, store: TrackingStore) -> None:
        gone = store.create_experiment("gone").experiment_id
        store.delete_experiment(gone)
        for experiment_id, error in (("4040", NotFound), (gone, InvalidState)):
            with pytest.raises(error):
                store.traces().start(TraceInfo("tr-1", experiment_id, 5))
            with pytest.raises(error):
                store.traces().log_spans(experiment_id, [span("tr-1")])

    # -- spans ---------------------------------------------------------------------------------

    def test_spans_come_back_as_they_were_in_the_order_they_began(
        self, store: TrackingStore, reopen: Callable[[], TrackingStore]
    ) -> None:
        attributes = {
            "text": "é 🎯",
            "number": 1,
            "float": 1.0,
            "yes": True,
            "none": None,
            "deep": {"list": [1, "x", {"y": []}]},
        }
        first = span(
            "tr-1",
            1,
            kind="SERVER",
            status=SpanStatusCode.ERROR,
            status_message="broken",
            attributes=attributes,
            events=[SpanEvent("exception", 5, {"message": "no"})],
            links=[SpanLink("ab" * 16, "cd" * 8, {"why": "because"})],
        )
        second, third = span("tr-1", 2), span("tr-1", 3, end_time_ns=None)
        store.traces().log_spans("0", [third, first])
        store.traces().log_spans("0", [second])
        found = reopen().traces().get("tr-1").spans
        assert list(found) == [first, second, third]
        assert isinstance(found[0].attributes["float"], float)

    def test_a_span_that_comes_again_replaces_the_first(self, traces: TraceStore) -> None:
        traces.log_spans("0", [span("tr-1", 1, name="old", end_time_ns=None)])
        traces.log_spans("0", [span("tr-1", 1, name="new")])
        [found] = traces.get("tr-1").spans
        assert (found.name, found.end_time_ns) == ("new", 2 * _SECOND)

    def test_spans_make_an_outline(self, traces: TraceStore) -> None:
        traces.log_spans("0", [span("tr-1", 3)], tags={"tr-1": {"service.name": "shop"}})
        [info] = traces.infos(["tr-1"])
        assert (info.state, info.request_time) == ("IN_PROGRESS", 3000)
        first = span(
            "tr-1",
            1,
            attributes={
                "mlflow.spanInputs": {"q": 1},
                "mlflow.spanOutputs": "x" * 5000,
                "session.id": "s1",
            },
        )
        traces.log_spans("0", [first])
        [info] = traces.infos(["tr-1"])
        assert (info.state, info.request_time, info.execution_duration) == ("OK", 1000, 3000)
        assert info.request_preview == '{"q":1}'
        assert info.response_preview is not None
        assert len(info.response_preview) <= 1000
        assert info.tags["service.name"] == "shop"
        assert info.trace_metadata == {"mlflow.trace.session": "s1"}

    def test_the_sent_outline_goes_before_the_one_of_the_spans(self, traces: TraceStore) -> None:
        info = TraceInfo("tr-1", "0", 77, TraceState.OK, 5, request_preview="sent")
        failed = span(
            "tr-1", 1, status=SpanStatusCode.ERROR, attributes={"mlflow.spanInputs": "own"}
        )
        traces.start(info)
        traces.log_spans("0", [failed])
        [found] = traces.infos(["tr-1"])
        kept = (found.request_time, found.state, found.execution_duration, found.request_preview)
        assert kept == (77, "OK", 5, "sent")

    def test_one_call_may_bring_spans_of_many_traces(self, traces: TraceStore) -> None:
        many = [span(f"tr-{n % 3}", 1 + n // 3) for n in range(30)]
        traces.log_spans("0", many)
        found = traces.traces(["tr-2", "tr-0", "tr-none"])
        assert [trace.info.trace_id for trace in found] == ["tr-2", "tr-0"]
        assert [len(trace.spans) for trace in found] == [10, 10]

    def test_of_a_bad_batch_nothing_is_kept(self, traces: TraceStore) -> None:
        bad = span("tr-2", 1, start_time_ns=2**64)
        with pytest.raises(InvalidValue):
            traces.log_spans("0", [span("tr-1"), bad])
        assert traces.search(["0"]) == []

    def test_an_unknown_trace_is_not_found(
        self, traces: TraceStore, subtests: pytest.Subtests
    ) -> None:
        uses: list[Callable[[str], Any]] = [
            traces.get,
            lambda trace_id: traces.set_tag(trace_id, "a", "b"),
            lambda trace_id: traces.delete_tag(trace_id, "a"),
            lambda trace_id: traces.create_assessment(judged(trace_id, "a", 1)),
            lambda trace_id: traces.get_assessment(trace_id, "a-1"),
            lambda trace_id: traces.update_assessment(trace_id, "a-1", {}),
            lambda trace_id: traces.delete_assessment(trace_id, "a-1"),
        ]
        for trace_id in WRONG_IDS:
            with subtests.test(trace_id=trace_id):
                assert traces.infos([trace_id]) == []
                assert traces.traces([trace_id]) == []
                for use in uses:
                    with pytest.raises(NotFound):
                        use(trace_id)

    # -- tags, links, deletion -----------------------------------------------------------------

    @pytest.mark.parametrize("text", TEXTS)
    def test_tags_are_changed_and_removed(self, traces: TraceStore, text: str) -> None:
        traces.start(TraceInfo("tr-1", "0", 5))
        for key in ("a", "mlflow.traceName"):
            traces.set_tag("tr-1", key, "old")
            traces.set_tag("tr-1", key, text)
            assert traces.infos(["tr-1"])[0].tags[key] == text
            traces.delete_tag("tr-1", key)
            assert key not in traces.infos(["tr-1"])[0].tags
            with pytest.raises(NotFound):
                traces.delete_tag("tr-1", key)

    def test_traces_are_found_as_those_of_a_run(self, run: Run, traces: TraceStore) -> None:
        run_id = run.info.run_id
        traces.start(TraceInfo("made", "0", 1, trace_metadata={"mlflow.sourceRun": run_id}))
        traces.start(TraceInfo("linked", "0", 2))
        traces.start(TraceInfo("other", "0", 3))
        for _ in range(2):
            traces.link_to_run(["linked", "unknown"], run_id)
        found = traces.search(["0"], filter=f"run_id = '{run_id}'")
        assert [info.trace_id for info in found] == ["linked", "made"]
        with pytest.raises(NotFound):
            traces.link_to_run(["linked"], "unknown")
        with pytest.raises(InvalidValue):
            traces.link_to_run(["x"] * (MAX_LINKS + 1), run_id)

    def test_traces_are_deleted_by_id_or_by_time(self, traces: TraceStore) -> None:
        for n in range(6):
            traces.start(TraceInfo(f"tr-{n}", "0", n))
            traces.log_spans("0", [span(f"tr-{n}")])
        assert traces.delete("0", trace_ids=["tr-5", "tr-none"]) == 1
        assert traces.delete("0", max_timestamp=3, max_traces=2) == 2
        assert [info.trace_id for info in traces.search(["0"])] == ["tr-4", "tr-3", "tr-2"]
        assert traces.delete("0", max_timestamp=3) == 2
        assert traces.delete("4040", max_timestamp=100) == 0
        for wrong in ({}, {"trace_ids": ["a"], "max_timestamp": 1}):
            with pytest.raises(InvalidValue):
                traces.delete("0", **wrong)  # type: ignore[arg-type]

    # -- assessments ---------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "value", [True, 0, -1.5, "text", "", None, [1, {"a": None}], {"deep": {"x": [True]}}]
    )
    def test_an_assessment_comes_back_as_it_was(self, traces: TraceStore, value: Any) -> None:
        traces.start(TraceInfo("tr-1", "0", 5))
        given = Assessment(
            "tr-1",
            "quality",
            AssessmentKind.EXPECTATION,
            value,
            "LLM_JUDGE",
            "judge-1",
            AssessmentError("E1", "no", "at"),
            "because",
            {"k": "v"},
            "0" * 15 + "1",
        )
        made = traces.create_assessment(given)
        assert made.assessment_id
        assert made.create_time_ms == made.last_update_time_ms > 0
        plain = attrs.evolve(made, assessment_id="", create_time_ms=0, last_update_time_ms=0)
        assert plain == given
        assert type(made.value) is type(value)
        assert traces.get_assessment("tr-1", made.assessment_id) == made
        assert list(traces.infos(["tr-1"])[0].assessments) == [made]

    def test_an_assessment_is_changed(self, traces: TraceStore) -> None:
        traces.start(TraceInfo("tr-1", "0", 5))
        made = traces.create_assessment(judged("tr-1", "a", 1, metadata={"a": "1", "b": "1"}))
        changes = {"value": 2, "name": "b", "rationale": "r", "metadata": {"a": "2"}}
        new = traces.update_assessment("tr-1", made.assessment_id, changes)
        assert (new.value, new.name, new.rationale) == (2, "b", "r")
        assert new.metadata == {"a": "2", "b": "1"}
        assert new.source_id == made.source_id
        with pytest.raises(InvalidValue):
            traces.update_assessment("tr-1", made.assessment_id, {"source_id": "x"})

    def test_one_assessment_overrides_another_until_it_is_deleted(self, traces: TraceStore) -> None:
        traces.start(TraceInfo("tr-1", "0", 5))
        old = traces.create_assessment(judged("tr-1", "a", 1))
        new = traces.create_assessment(judged("tr-1", "a", 2, overrides=old.assessment_id))
        assert not traces.get_assessment("tr-1", old.assessment_id).valid
        traces.delete_assessment("tr-1", new.assessment_id)
        traces.delete_assessment("tr-1", new.assessment_id)
        assert traces.get_assessment("tr-1", old.assessment_id).valid
        with pytest.raises(NotFound):
            traces.create_assessment(judged("tr-1", "a", 3, overrides="a-none"))

    # -- search --------------------------------------------------------------------------------

    def test_a_filter_finds_the_traces_that_match(
        self, traces: TraceStore, subtests: pytest.Subtests
    ) -> None:
        _three(traces)
        for text, found in [
            ("", "abc"),
            ("status = 'OK'", "a"),
            ("trace.status IN ('OK', 'ERROR')", "ab"),
            ("attributes.timestamp_ms >= 2000", "bc"),
            ("timestamp < 2000", "a"),
            ("execution_time > 5", "b"),
            ("end_time <= 2010", "ab"),
            ("name = 'ask'", "ab"),
            ("name != 'ask'", ""),
            ("tags.`mlflow.traceName` LIKE 'as%'", "ab"),
            ("name IS NULL", "c"),
            ("name RLIKE '^a.k$'", "ab"),
            ("request_id = 'b'", "b"),
            ("client_request_id = 'client'", "a"),
            ("tags.team = 'blue'", "a"),
            ("tag.team != 'blue'", "b"),
            ("tags.team IS NULL", "c"),
            ("NOT tags.team = 'blue'", "bc"),
            ("metadata.user ILIKE 'M%'", "a"),
            ("request_metadata.user IS NOT NULL", "a"),
            ("span.name = 'tool'", "ab"),
            ("span.type = 'LLM'", "b"),
            ("span.status = 'ERROR'", "b"),
            ("span.name = 'tool' AND span.status = 'ERROR'", ""),
            ("span.name = 'llm' AND span.status = 'ERROR'", "b"),
            ("span.name LIKE 'to%' AND status = 'ERROR'", "b"),
            ("NOT span.name = 'tool'", "c"),
            ("span.attributes.model = 'tiny'", "b"),
            ("span.attributes.model RLIKE 'iny'", "b"),
            ("span.attributes.size = '7'", "b"),
            ("span.content LIKE '%größer%'", "b"),
            ("trace.text LIKE '%größer%'", "b"),
            ("feedback.quality = 'good'", "a"),
            ("feedback.score > 0.5", "b"),
            ("feedback.score = 0.25", "a"),
            ("feedback.score IS NULL", "c"),
            ("expectation.answer = '42'", "a"),
            ("feedback.answer IS NOT NULL", ""),
            ("status = 'OK' OR feedback.score > 0.5", "ab"),
            ("(name = 'ask' OR name = 'x') AND NOT (tags.team = 'red')", "a"),
            ("run_id = 'nothing'", ""),
            ("tags.never = 'x'", ""),
        ]:
            with subtests.test(text=text):
                page = traces.search(["0"], filter=text)
                assert "".join(sorted(info.trace_id for info in page)) == found

    def test_any_text_is_found_by_its_literal(
        self, store: TrackingStore, traces: TraceStore, subtests: pytest.Subtests
    ) -> None:
        for number, text in enumerate(AWKWARD):
            with subtests.test(text=text):
                home = store.create_experiment(f"text {number}").experiment_id
                for trace_id, value in ((f"tr-a{number}", text), (f"tr-b{number}", unlike(text))):
                    info = TraceInfo(
                        trace_id, home, 1, tags={"t": value}, trace_metadata={"m": value}
                    )
                    traces.start(info)
                    traces.log_spans(home, [span(trace_id, name=value, attributes={"a": value})])
                for field in ("tags.t", "metadata.m", "span.name", "span.attributes.a"):
                    for where in finding(field, text):
                        found = [info.trace_id for info in traces.search([home], filter=where)]
                        assert found == [f"tr-a{number}"], where

    def test_traces_are_ordered_page_by_page(
        self, traces: TraceStore, subtests: pytest.Subtests
    ) -> None:
        _three(traces)
        for order, found in [
            ([], "cba"),
            (["timestamp ASC"], "abc"),
            (["status", "timestamp_ms DESC"], "bca"),
            (["execution_time DESC"], "bac"),
            (["name DESC", "request_id DESC"], "bac"),
            (["tags.team"], "abc"),
            (["metadata.user DESC"], "acb"),
            (["tags.never"], "cba"),
            (["end_time", "experiment_id"], "abc"),
        ]:
            with subtests.test(order=order):
                pieces, token = "", None
                for _ in found:
                    page = traces.search(["0"], order_by=order, max_results=1, page_token=token)
                    pieces += "".join(info.trace_id for info in page)
                    token = page.token
                assert (pieces, token) == (found, None)
                assert "".join(i.trace_id for i in traces.search(["0"], order_by=order)) == found

    def test_only_the_experiments_named_are_searched(self, store: TrackingStore) -> None:
        traces = store.traces()
        other = store.create_experiment("other").experiment_id
        traces.start(TraceInfo("here", "0", 1))
        traces.start(TraceInfo("there", other, 2))
        assert [i.trace_id for i in traces.search([other])] == ["there"]
        assert [i.trace_id for i in traces.search(["0", other, "4040"])] == ["there", "here"]
        assert traces.search([]) == traces.search(["unknown"]) == []

    def test_a_wrong_search_is_refused(self, traces: TraceStore, subtests: pytest.Subtests) -> None:
        _three(traces)
        searches: list[dict[str, Any]] = [
            {"filter": "status >"},
            {"filter": "nothing = 'x'"},
            {"filter": "span.unknown = 'x'"},
            {"filter": "span.name IS NULL"},
            {"filter": "metrics.a > 1"},
            {"filter": "tags.a > 1"},
            {"order_by": ["text"]},
            {"order_by": ["span.name"]},
            {"max_results": 0},
            {"page_token": "rubbish"},
        ]
        for wrong in searches:
            with subtests.test(wrong=wrong), pytest.raises(InvalidValue):
                traces.search(["0"], **wrong)

    def test_traces_go_with_their_experiment(self, store: TrackingStore) -> None:
        experiment = store.create_experiment("temporary").experiment_id
        store.traces().start(TraceInfo("tr-1", experiment, 1))
        store.traces().log_spans(experiment, [span("tr-1")])
        store.delete_experiment(experiment)
        store.purge_experiment(experiment)
        assert store.traces().infos(["tr-1"]) == []


def _three(traces: TraceStore) -> None:
    """Create the traces a, b and c that the tests of searching speak of."""
    traces.start(
        TraceInfo(
            "a",
            "0",
            1000,
            TraceState.OK,
            5,
            "client",
            trace_metadata={"user": "me"},
            tags={"mlflow.traceName": "ask", "team": "blue"},
        )
    )
    traces.start(
        TraceInfo(
            "b", "0", 2000, TraceState.ERROR, 10, tags={"mlflow.traceName": "ask", "team": "red"}
        )
    )
    traces.start(TraceInfo("c", "0", 3000, TraceState.IN_PROGRESS))
    attributes = {"mlflow.spanType": "LLM", "model": "tiny", "size": 7, "text": "größer"}
    failed = SpanStatusCode.ERROR
    traces.log_spans(
        "0",
        [
            span("a", 1, name="tool"),
            span("b", 1, name="tool", status=SpanStatusCode.OK),
            span("b", 2, name="llm", status=failed, attributes=attributes),
        ],
    )
    traces.create_assessment(judged("a", "quality", "good"))
    traces.create_assessment(judged("a", "score", 0.25))
    traces.create_assessment(judged("b", "score", 0.75))
    traces.create_assessment(Assessment("a", "answer", AssessmentKind.EXPECTATION, 42))
