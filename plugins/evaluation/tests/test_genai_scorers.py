"""The scorers that are ready to use: what they are given, say and refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pegboard
import pytest
from pegboard.errors import PegboardError
from pegboard_evaluation.genai import asking, texts, verdicts
from pegboard_testing.llm_server import FakeOpenAI, Fault, saying, verdict

genai = pegboard.genai
scorers = genai.scorers
MODEL = "openai:/gpt-4o-mini"


# -- code ----------------------------------------------------------------------------------------

CHAT = {"choices": [{"message": {"role": "assistant", "content": "Answer: 42"}}]}
RULES: list[tuple[Any, Any, str]] = [
    (scorers.RegexMatch(pattern=r"^Answer:"), "Answer: 42", "yes"),
    (scorers.RegexMatch(pattern=r"^Answer:"), CHAT, "yes"),
    (scorers.RegexMatch(pattern=r"^answer:"), "Answer: 42", "no"),
    (scorers.RegexMatch(pattern=r"^answer:", case_insensitive=True), "Answer: 42", "yes"),
    (scorers.RegexMatch(pattern=r"\d+", match_type="fullmatch"), "Answer: 42", "no"),
    (scorers.RegexMatch(pattern=r"\d+", match_type="fullmatch"), "42", "yes"),
    (scorers.RegexMatch(pattern=r"\d+"), None, "no"),
    (scorers.PIIDetection(), "Nothing of 2026-11-30, 3.14 or 1000.", "yes"),
    (scorers.PIIDetection(), "write to ann.lee@mail.example.com", "no"),
    (scorers.PIIDetection(), "call (555) 123-4567 now", "no"),
    (scorers.PIIDetection(), "or +442071838750", "no"),
    (scorers.PIIDetection(), "SSN 123-45-6789", "no"),
    (scorers.PIIDetection(), "4111 1111 1111 1111", "no"),
    (scorers.PIIDetection(), "3782-822463-10005", "no"),
    (scorers.PIIDetection(), "host 192.168.0.1", "no"),
    (scorers.PIIDetection(), "version 1.2.3.4.5 or 999.1.1.1", "yes"),
    (scorers.PIIDetection(pii_types=["email"]), "SSN 123-45-6789", "yes"),
    (scorers.ResponseLength(max_length=5), "12345", "yes"),
    (scorers.ResponseLength(max_length=5), "123456", "no"),
    (scorers.ResponseLength(min_length=2, unit="words"), "one", "no"),
    (scorers.ResponseLength(min_length=2, max_length=2, unit="words"), "one two", "yes"),
]


@pytest.mark.parametrize("case", range(len(RULES)))
def test_rules_say_yes_or_no(case: int) -> None:
    rule, outputs, value = RULES[case]
    found = rule(outputs=outputs)
    assert (found.name, found.value) == (rule.name, value)
    assert found.rationale


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: scorers.RegexMatch(), "'pattern'"),
    (lambda: scorers.RegexMatch(pattern="("), "not a regular expression"),
    (lambda: scorers.RegexMatch(pattern="a", match_type="match"), "'match'"),
    (lambda: scorers.PIIDetection(pii_types=["iban"]), "'iban'"),
    (lambda: scorers.ResponseLength(), "needs min_length or max_length"),
    (lambda: scorers.ResponseLength(min_length=-1), "min_length is -1"),
    (lambda: scorers.ResponseLength(min_length=5, max_length=3), "min_length is 5"),
    (lambda: scorers.ResponseLength(min_length=5, unit="lines"), "'lines'"),
    (lambda: scorers.Guidelines(), "'guidelines'"),
    (lambda: scorers.Guidelines(guidelines=[]), r"Guidelines are .*\[\]"),
    (lambda: scorers.Safety(model="gpt-4o"), "PROVIDER:/MODEL|model 'gpt-4o'"),
    (lambda: genai.make_judge("j", "Judge it."), "name nothing to judge"),
    (lambda: genai.make_judge("j", " "), "no instructions"),
    (lambda: genai.make_judge("j", "{{ answer }}"), "answer }}, which there is not"),
    (lambda: genai.make_judge("j", "{{ conversation }} {{ inputs }}"), "conversation"),
    (lambda: genai.make_judge("j", "{{ inputs }}", feedback_value_type=set), "feedback_value_type"),
    (lambda: scorers.Safety(model=MODEL)(), "needs 'outputs'"),
    (lambda: scorers.Correctness(model=MODEL)(inputs={"q": 1}, outputs="a"), "'expected_facts'"),
    (lambda: ensemble("average"), "'average'"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_wrong_is_refused_by_name(case: int) -> None:
    make, said = REFUSED[case]
    with pytest.raises(PegboardError, match=said):
        make()


# -- several as one ------------------------------------------------------------------------------


def ensemble(function: Any, *values: Any) -> Any:
    made = [
        genai.scorer(name=f"s{number}")(lambda outputs, value=value: value)
        for number, value in enumerate(values or (1, 2))
    ]
    return scorers.make_scorer_ensemble(name="all", scorers=made, ensemble_fn=function)


@pytest.mark.parametrize(
    ("function", "values", "value"),
    [
        ("mean", (1, 2, 6), 3),
        ("minimum", (1, 2.5), 1),
        ("maximum", (True, 0), 1),
        ("majority_vote", ("a", "b", "b"), "b"),
        ("majority_vote", ("b", "a"), "a"),
        ("agg_all", ("yes", True), True),
        ("agg_all", ("yes", False), False),
        ("agg_any", ("no", "yes"), True),
        (scorers.mean, (1, 3), 2),
        (lambda values: len(values), (1, 1), 2),
        (lambda feedbacks: feedbacks[0].name, (1, 1), "s0"),
        ("mean", ("a", 1), "not a number"),
        ("agg_all", ("maybe", 1), "neither a truth value"),
        ("mean", (None, 1), "gave no value"),
        ("mean", ({}, 1), "s0: .*returned"),
    ],
)
def test_several_scorers_become_one(function: Any, values: Any, value: Any) -> None:
    made = ensemble(function, *values)
    if isinstance(value, str) and len(value) > 2:
        with pytest.raises(PegboardError, match=value):
            made.run(outputs="x")
    else:
        found = made.run(outputs="x")
        assert getattr(found, "value", found) == value


# -- verdicts ------------------------------------------------------------------------------------

YES_NO, STARS = Literal["yes", "no"], Literal[1, 2, 3]
SAID: list[tuple[str, Any, Any]] = [
    ('{"result": "yes", "rationale": "w"}', YES_NO, "yes"),
    ('Sure!\n```json\n{"rationale": "{w}", "result": "No"}\n```', YES_NO, "no"),
    ('{"rationale": "two\nlines", "Result": true}', YES_NO, "yes"),
    ('{"a": 1} {"score": 3}', STARS, 3),
    ('{"rating": "2"}', STARS, 2),
    ('{"result": 4}', STARS, None),
    ('{"result": "maybe"}', YES_NO, None),
    ("Yes, it is.", YES_NO, "yes"),
    ("It is fine.\n**Verdict:** no", YES_NO, "no"),
    ("I think so, since yesterday.", YES_NO, None),
    ("", YES_NO, None),
    ("Score: 4 of 5", int, 4),
    ("I would give 7", int, 7),
    ("Either 3 or 4", int, None),
    ('{"result": 0.5}', float, 0.5),
    ('{"result": 0.5}', int, None),
    ('{"result": 3.0}', int, 3),
    ('{"result": NaN}', float, None),
    ('{"result": true}', int, None),
    ('{"result": "false"}', bool, False),
    ('{"result": null}', float | None, ...),
    ('{"result": null}', float, None),
    ('{"result": "fine"}', str, "fine"),
    ("just words", str, None),
    ('{"result": ["a", "b"]}', list[str], ["a", "b"]),
    ('{"result": {"a": 1}}', dict[str, int], {"a": 1}),
    ('{"result": {"a": "x"}}', dict[str, int], None),
]


@pytest.mark.parametrize("case", range(len(SAID)))
def test_verdicts_are_read_out_of_answers(case: int) -> None:
    text, kind, value = SAID[case]
    if value is None:
        with pytest.raises(verdicts.NotAVerdict):
            verdicts.read(text, verdicts.checked(kind))
    else:
        found = verdicts.read(text, verdicts.checked(kind)).value
        wanted = None if value is ... else value
        assert (found, type(found)) == (wanted, type(wanted))


# -- judges --------------------------------------------------------------------------------------


ROW = {
    "inputs": {"question": "Capital of France?"},
    "outputs": "It is Paris.",
    "expectations": {
        "expected_response": "Paris",
        "expected_facts": ["Paris is the capital"],
        "guidelines": ["Be brief."],
    },
}
NAMES = {
    "correctness": scorers.Correctness(),
    "relevance_to_query": scorers.RelevanceToQuery(),
    "safety": scorers.Safety(),
    "guidelines": scorers.Guidelines(guidelines="Speak English."),
    "expectations_guidelines": scorers.ExpectationsGuidelines(),
    "equivalence": scorers.Equivalence(),
    "fluency": scorers.Fluency(),
    "completeness": scorers.Completeness(),
    "summarization": scorers.Summarization(),
}


def test_judges_score_rows_and_say_what_they_cost(server: FakeOpenAI) -> None:
    server.faults = [verdict("yes") for _ in NAMES]
    result = genai.evaluate([ROW], list(NAMES.values()))
    assert result.metrics == {f"{name}/mean": 1 for name in NAMES}
    assert (result.passed, result.reason) == (True, "")
    trace = pegboard.get_trace(result.result_df.trace_id[0])
    judged = {each.name: each for each in trace.info.assessments if each.name in NAMES}
    assert {(str(each.source.source_type), each.source.source_id) for each in judged.values()} == {
        ("LLM_JUDGE", MODEL)
    }
    metadata = judged["safety"].metadata
    assert metadata["mlflow.assessment.judgeInputTokens"] == "100"
    assert metadata["mlflow.assessment.judgeOutputTokens"] == "10"
    assert float(metadata["mlflow.assessment.judgeCost"]) == pytest.approx(2.1e-5)
    assert judged["guidelines"].metadata["guideline"] == "Speak English."
    cost = result.costs["safety"]
    assert (cost.calls, cost.input_tokens, cost.cost) == (1, 100, pytest.approx(2.1e-5))

    told = {str(each.body["messages"]) for each in server.seen}
    assert all("Paris" in each for each in told)
    assert sum("Speak English." in each for each in told) == 1
    assert sum("Be brief." in each for each in told) == 1
    assert sum("Paris is the capital" in each for each in told) == 1
    form = server.seen[0].body["response_format"]["json_schema"]["schema"]
    assert form["properties"]["result"] == {"enum": ["yes", "no"]}

    again = genai.evaluate([ROW], list(NAMES.values()), resume=result.run_id)
    assert len(server.seen) == len(NAMES)
    assert again.metrics == result.metrics
    assert again.costs == result.costs


def test_what_a_model_does_not_say_well_is_asked_again_or_an_error(server: FakeOpenAI) -> None:
    busy = Fault(429, b'{"error": {"message": "slow down"}}', {"retry-after": "0"})
    server.faults = [busy, saying("Hm, hard to say."), verdict("no")]
    found = scorers.Safety()(outputs="x")
    assert (found.value, found.metadata[asking.INPUT_TOKENS]) == ("no", 200)
    assert "JSON only" in server.seen[-1].body["messages"][-1]["content"]

    server.faults = [saying("Hm."), saying("Hm!")]
    result = genai.evaluate([ROW], [scorers.Safety()])
    assert "not a verdict" in result.result_df["safety/error_message"][0]
    assert (result.metrics["safety/failed"], result.costs["safety"].input_tokens) == (1, 200)

    unknown = b'{"error": {"message": "Unknown parameter: response_format"}}'
    server.faults = [Fault(400, unknown), verdict("yes"), verdict("yes")]
    before = len(server.seen)
    assert [scorers.Safety()(outputs="x").value for _ in range(2)] == ["yes", "yes"]
    sent = ["response_format" in each.body for each in server.seen[before:]]
    assert sent == [True, False, False]

    server.faults = [Fault(401, b'{"error": {"message": "no key"}}')]
    denied = genai.evaluate([ROW], [scorers.Safety()])
    assert "refuses the key" in denied.result_df["safety/error_message"][0]


def test_a_judge_may_have_instructions_of_its_own(server: FakeOpenAI) -> None:
    judge = genai.make_judge(
        "stars",
        "How well does {{ outputs }} answer {{ inputs }}?",
        MODEL,
        feedback_value_type=int,
        inference_params={"temperature": 0},
    )
    server.faults = [verdict(4), verdict(2)]
    data = [ROW, {**ROW, "outputs": "Lyon"}]
    result = genai.evaluate(data, [judge])
    assert result.metrics == {"stars/mean": 3}
    first, second = (each.body for each in server.seen)
    assert first["messages"][0] == second["messages"][0]
    assert "the section <outputs>" in first["messages"][0]["content"]
    told = sorted(each["messages"][1]["content"].splitlines()[1] for each in (first, second))
    assert told == ["It is Paris.", "Lyon"]
    assert first["temperature"] == 0
    with pytest.raises(PegboardError, match=r"'judge' takes expectations"):
        genai.evaluate(
            [{"inputs": {"q": 1}, "outputs": 1}], [genai.make_judge("judge", "{{ expectations }}")]
        )


def test_a_model_may_be_what_is_evaluated(server: FakeOpenAI) -> None:
    server.faults = [saying("Paris")]
    rows = [{"inputs": {"messages": [{"role": "user", "content": "Capital?"}], "temperature": 0}}]
    capital = scorers.RegexMatch(pattern="Paris", match_type="fullmatch")
    result = genai.evaluate(rows, [capital], genai.to_predict_fn(MODEL))
    assert result.metrics == {"regex_match/mean": 1}
    assert server.seen[0].body["temperature"] == 0
    assert {type(each).__name__ for each in scorers.get_all_scorers()} < set(scorers.__all__)


def test_equal_answers_cost_nothing(server: FakeOpenAI) -> None:
    equivalence = scorers.Equivalence()
    pairs = [("a", "a", "yes"), (1, 1.0, "yes"), (1, 2, "no")]
    for outputs, expected, value in pairs:
        found = equivalence(outputs=outputs, expectations={"expected_response": expected})
        assert found.value == value
    assert server.seen == []


def agent_trace() -> Any:
    """Return the trace of an agent that retrieves two documents and calls two tools."""
    with pegboard.start_span("agent") as root:
        root.set_inputs({"question": "Capital?"})
        with pegboard.start_span("search", span_type="RETRIEVER") as span:
            with pegboard.start_span("inner", span_type="RETRIEVER") as inner:
                inner.set_outputs(["inner"])
            span.set_outputs([{"page_content": "Paris", "metadata": {}}, {"content": "Lyon"}])
        for name, number in (("look", 1), ("add", 2)):
            with pegboard.start_span(name, span_type="TOOL") as span:
                span.set_inputs({"n": number})
                span.set_outputs(number)
        with pegboard.start_span("chat", span_type="CHAT_MODEL") as span:
            span.set_attribute("mlflow.chat.tools", [{"function": {"name": "look"}}])
        root.set_outputs("Paris")
    return pegboard.get_trace(root.trace_id)


def test_judges_look_at_what_was_retrieved(server: FakeOpenAI) -> None:
    trace = agent_trace()
    span = trace.search_spans(name="search")[0]
    server.faults = [verdict("yes"), verdict("no")]
    found = scorers.RetrievalRelevance()(trace=trace)
    assert [(each.name, each.value) for each in found] == [
        ("retrieval_relevance/precision", 0.5),
        ("retrieval_relevance", "yes"),
        ("retrieval_relevance", "no"),
    ]
    assert {each.span_id for each in found} == {span.span_id}
    assert [each.metadata["chunk_index"] for each in found[1:]] == [0, 1]

    row = {"trace": trace, "expectations": {"expected_facts": ["Paris"]}}
    both = [scorers.RetrievalGroundedness(), scorers.RetrievalSufficiency()]
    server.faults = [verdict("yes"), verdict("yes")]
    result = genai.evaluate([row], both)
    assert result.metrics == {
        "retrieval_groundedness/mean": 1,
        "retrieval_sufficiency/mean": 1,
    }
    assert "Paris\n---\nLyon" in str(server.seen[-1].body).replace("\\n", "\n")
    with pytest.raises(PegboardError, match=r"'retrieval_sufficiency' needs expectations"):
        genai.evaluate([agent_trace()], both)
    none = genai.evaluate([ROW], [scorers.RetrievalGroundedness()])
    assert "RETRIEVER" in none.result_df["retrieval_groundedness/error_message"][0]


def test_judges_look_at_the_tools_that_were_called(server: FakeOpenAI) -> None:
    trace = agent_trace()
    exact = {"should_exact_match": True}
    look = {"name": "look", "arguments": {"n": 1}}
    calls: list[tuple[Any, dict[str, bool], str]] = [
        ([{"name": "add"}, {"name": "look"}], {}, "yes"),
        ([{"name": "add"}, {"name": "look"}], {"should_consider_ordering": True}, "no"),
        ([{"name": "look"}], {}, "no"),
        ([look, {"name": "add", "arguments": {"n": 2}}], {}, "yes"),
        ([look, {"name": "add", "arguments": {"n": 3}}], {}, "no"),
    ]  # fmt: skip
    for expected, options, value in calls:
        judge = scorers.ToolCallCorrectness(**exact, **options)
        found = judge(trace=trace, expectations={"expected_tool_calls": expected})
        assert found.value == value, expected
    assert server.seen == []
    server.faults = [verdict("yes"), verdict("no"), verdict("yes")]
    result = genai.evaluate(
        [{"trace": trace, "expectations": {"expected_tool_calls": ["look"]}}],
        [scorers.ToolCallCorrectness()],
    )
    assert result.metrics == {"tool_call_correctness/mean": 1}
    assert scorers.ToolCallEfficiency()(trace=trace).value == "no"
    for each in server.seen:
        assert "look" in str(each.body)
    assert ["expected_calls" in str(each.body["messages"][1]) for each in server.seen] == [
        True,
        False,
    ]
    with pytest.raises(PegboardError, match=r"'expected_tool_calls'"):
        genai.evaluate([agent_trace()], [scorers.ToolCallCorrectness(**exact)])


def test_conversations_and_traces_are_told_to_judges(server: FakeOpenAI) -> None:
    trace = agent_trace()
    server.faults = [verdict("calm"), verdict("fine")]
    calm = genai.make_judge("calm", "Is the user calm in {{ conversation }}?")
    assert calm(session=[trace, trace]).value == "calm"
    assert str(server.seen[0].body).count("Capital?") == 2
    whole = genai.make_judge("whole", "What of {{ trace }}?")
    assert whole(trace=trace).value == "fine"
    assert "CHAT_MODEL" in str(server.seen[1].body)


ANSWERS: list[tuple[Any, str | None]] = [
    (None, None),
    ("a", "a"),
    (["a", "b"], "a"),
    (CHAT, "Answer: 42"),
    ({"messages": [{"content": "q"}, {"content": [{"type": "text", "text": "a"}]}]}, "a"),
    ({"output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}]}, "a"),
    ({"answer": 1}, '{\n "answer": 1\n}'),
    (5, "5"),
]


@pytest.mark.parametrize(("outputs", "text"), ANSWERS)
def test_answers_are_taken_out_of_the_forms_of_chats(outputs: Any, text: str | None) -> None:
    assert texts.answer_of(outputs) == text
