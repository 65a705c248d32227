"""The contract of traces: the versions of prompts that they are linked to."""

from __future__ import annotations

import pytest
from pegboard.contracts.traces import TraceStore
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.traces import TraceInfo
from pegboard.errors import InvalidValue, NotFound

from pegboard_testing._base import WRONG_IDS, StoreTests


class TracePromptTests(StoreTests):
    """Traces and prompts."""

    @pytest.fixture
    def traces(self, store: TrackingStore) -> TraceStore:
        return store.traces()

    def test_traces_are_found_by_the_prompts_they_used(self, traces: TraceStore) -> None:
        for name in ("a", "b", "c"):
            traces.start(TraceInfo(name, "0", 1))
        traces.link_prompts("a", [("greet", "1"), ("bye", "2")])
        for _ in range(2):
            traces.link_prompts("b", [("greet", "1")])
        traces.link_prompts("c", [])

        def found(text: str) -> str:
            return "".join(sorted(i.trace_id for i in traces.search(["0"], filter=text)))

        assert found("prompt = 'greet/1'") == "ab"
        assert found("prompt = 'bye/2'") == "a"
        assert found("prompt = 'greet/2'") == ""

    def test_a_tag_that_names_prompts_links_them(self, traces: TraceStore) -> None:
        tag = "mlflow.linkedPrompts"
        named = '[{"name": "greet", "version": "1"}, {"name": "a/b", "version": "2"}, 3]'
        traces.start(TraceInfo("a", "0", 1, tags={tag: named}))
        traces.start(TraceInfo("b", "0", 1))
        traces.set_tag("b", tag, named)
        traces.set_tag("b", "other", named)
        traces.start(TraceInfo("c", "0", 1, tags={tag: "{"}))
        found = traces.search(["0"], filter="prompt = 'greet/1'")
        assert {each.trace_id for each in found} == {"a", "b"}

    def test_what_is_no_version_of_a_prompt_is_not_linked(self, traces: TraceStore) -> None:
        traces.start(TraceInfo("tr-1", "0", 1))
        for wrong in (("", "1"), ("a", ""), ("a/b", "1"), ("x" * 5000, "1")):
            with pytest.raises(InvalidValue):
                traces.link_prompts("tr-1", [("greet", "1"), wrong])
        assert traces.search(["0"], filter="prompt = 'greet/1'") == []

    def test_prompts_are_not_linked_to_an_unknown_trace(
        self, traces: TraceStore, subtests: pytest.Subtests
    ) -> None:
        for trace_id in WRONG_IDS:
            with subtests.test(trace_id=trace_id), pytest.raises(NotFound):
                traces.link_prompts(trace_id, [("greet", "1")])
