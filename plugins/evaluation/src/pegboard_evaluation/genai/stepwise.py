"""Judges of what an application did on the way: what it retrieved, and which tools it called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pegboard.errors import InvalidValue
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation.genai import texts
from pegboard_evaluation.genai.judging import Judge, expected_in
from pegboard_evaluation.genai.scoring import number_of


class TraceJudge(Judge):
    """A judge that needs the trace."""

    @property
    def takes(self) -> tuple[str, ...]:
        """What a row gives it."""
        return ("trace", "expectations")

    def _asked(self, trace: Trace) -> str:
        root = trace.data.root
        return "" if root is None else texts.request_of(root.inputs)

    def _retrieved(self, trace: Trace) -> Mapping[str, Sequence[str]]:
        found = texts.retrieved(trace)
        if not found:
            raise InvalidValue(
                f"The judge {self.name!r} finds no span of the type RETRIEVER in the trace.",
                hint="Trace the retriever with @trace(span_type='RETRIEVER').",
            )
        return found


class RetrievalRelevance(TraceJudge):
    """Which of the retrieved documents help with what was asked, and their share."""

    name: str = "retrieval_relevance"
    description: str | None = "Which of the retrieved documents help with the request."

    def __call__(self, *, trace: Trace, expectations: Any = None) -> list[Feedback]:
        """Return for each retriever the share of documents that help, then each document's."""
        del expectations
        asked = self._asked(trace)
        found = []
        for span_id, documents in self._retrieved(trace).items():
            each = [self._judged(asked, text, number) for number, text in enumerate(documents)]
            values = [number_of(one.value) for one in each if one.error is None]
            if values:
                share = sum(value or 0.0 for value in values) / len(values)
                found.append(Feedback(f"{self.name}/precision", share, source=each[0].source))
            found += each
            for one in found:
                one.span_id = one.span_id or span_id
        return found

    def _judged(self, asked: str, document: str, number: int) -> Feedback:
        made = self.ask(
            "You judge a search engine. The result is yes if <document> holds something that helps "
            "to answer <request>, be it only in part, and no if it does not.",
            request=asked,
            document=document,
        )
        made.metadata = {**(made.metadata or {}), "chunk_index": number}
        return made


class RetrievalSufficiency(TraceJudge):
    """Whether the retrieved documents hold all that a right answer needs."""

    name: str = "retrieval_sufficiency"
    description: str | None = "Whether the retrieved documents suffice for the expected answer."
    needs: ClassVar[tuple[str, ...]] = ("expected_facts", "expected_response")

    def __call__(
        self, *, trace: Trace, expectations: Mapping[str, Any] | None = None
    ) -> list[Feedback]:
        """Return a verdict for each retriever."""
        expected = {**expected_in(trace), **(expectations or {})}
        told = {key: texts.as_json(expected[key]) for key in self.needs if key in expected}
        found = []
        for span_id, documents in self._retrieved(trace).items():
            made = self.ask(
                "You check sources. The result is yes if <documents> hold everything that is "
                "needed to answer <request> with what <expected_facts> or <expected_response> "
                "state, and no if something needed is not in them. Use no knowledge of your own.",
                request=self._asked(trace),
                documents="\n---\n".join(documents),
                **told,
            )
            made.span_id = span_id
            found.append(made)
        return found


class RetrievalGroundedness(TraceJudge):
    """Whether an answer says nothing that the retrieved documents do not support."""

    name: str = "retrieval_groundedness"
    description: str | None = "Whether the retrieved documents support the answer."

    def __call__(self, *, trace: Trace, expectations: Any = None) -> list[Feedback]:
        """Return a verdict for each retriever."""
        del expectations
        root = trace.data.root
        found = []
        for span_id, documents in self._retrieved(trace).items():
            made = self.ask(
                "You check an answer against its sources. The result is yes if <documents> support "
                "every claim of <response>, and no if it makes a claim that they do not support, "
                "be it true or not.",
                request=self._asked(trace),
                response=texts.answer_of(None if root is None else root.outputs) or "",
                documents="\n---\n".join(documents),
            )
            made.span_id = span_id
            found.append(made)
        return found


# -- tools ---------------------------------------------------------------------------------------


class ToolCallEfficiency(TraceJudge):
    """Whether an agent called no tool in vain."""

    name: str = "tool_call_efficiency"
    description: str | None = "Whether no call of a tool was superfluous."

    def __call__(self, *, trace: Trace, expectations: Any = None) -> Feedback:
        """Return the verdict."""
        del expectations
        return self.ask(
            "You review an agent's use of tools. The result is yes if each call in <tools_called> "
            "brings something that <request> needs. It is no if calls repeat others, could have "
            "been one, or serve nothing; name them.",
            request=self._asked(trace),
            tools_offered=texts.as_json(texts.tools_offered(trace)),
            tools_called=texts.as_json(texts.tools_called(trace)),
        )


class ToolCallCorrectness(TraceJudge):
    """Whether an agent called the right tools with the right arguments.

    ``expected_tool_calls``, a list of ``{"name": …, "arguments": …}`` among the expectations, is
    what it should have called. With ``should_exact_match`` no model is asked.
    """

    name: str = "tool_call_correctness"
    description: str | None = "Whether the right tools were called with the right arguments."
    should_exact_match: bool = False
    should_consider_ordering: bool = False

    def check(self) -> None:
        """Say what is needed."""
        super().check()
        if self.should_exact_match:
            self.needs = ("expected_tool_calls",)  # type: ignore[misc]

    def __call__(self, *, trace: Trace, expectations: Mapping[str, Any] | None = None) -> Feedback:
        """Return the verdict."""
        expected = {**expected_in(trace), **(expectations or {})}.get("expected_tool_calls")
        called = texts.tools_called(trace)
        if expected is not None:
            expected = [_expected(each) for each in expected]
        if self.should_exact_match:
            if expected is None:
                raise InvalidValue(
                    f"The judge {self.name!r} needs the expectation 'expected_tool_calls'."
                )
            return self._matched(called, expected)
        parts = {"tools_called": texts.as_json(called)}
        if expected is not None:
            parts["expected_calls"] = texts.as_json(expected)
        order = "Their order matters. " if self.should_consider_ordering else ""
        return self.ask(
            "You review an agent's use of tools. The result is yes if the calls in <tools_called> "
            "are fit for <request>: the tools are well chosen among <tools_offered>, and the "
            "arguments follow from the request. If there is a section <expected_calls>, they must "
            f"also amount to those. {order}It is no otherwise; name the call that is wrong.",
            request=self._asked(trace),
            tools_offered=texts.as_json(texts.tools_offered(trace)),
            **parts,
        )

    def _matched(self, called: Sequence[Any], expected: Sequence[Any]) -> Feedback:
        with_arguments = all(each["arguments"] is not None for each in expected)
        wanted = [_signature(each, with_arguments) for each in expected]
        found = [_signature(each, with_arguments) for each in called]
        if not self.should_consider_ordering:
            wanted, found = sorted(wanted), sorted(found)
        same = wanted == found
        why = "The calls are those that were expected."
        if not same:
            why = f"Expected {', '.join(wanted) or 'none'}; called {', '.join(found) or 'none'}."
        return Feedback(self.name, "yes" if same else "no", rationale=why)


def _expected(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"name": given, "arguments": None}
    if not isinstance(given, Mapping) or "name" not in given:
        raise InvalidValue(f"expected_tool_calls has {given!r}, not {{'name': …}}.")
    return {"name": given["name"], "arguments": given.get("arguments")}


def _signature(call: Mapping[str, Any], with_arguments: bool) -> str:
    if not with_arguments:
        return str(call["name"])
    arguments = call["arguments"] or {}
    named = arguments.items() if isinstance(arguments, Mapping) else [("", arguments)]
    told = ", ".join(f"{key}={value!r}" for key, value in sorted(named))
    return f"{call['name']}({told})"
