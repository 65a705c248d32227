"""The pages of traces, asked of a real server."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from pegboard.config import Config
from pegboard.entities.traces import Assessment, AssessmentKind, Span, SpanEvent, SpanStatusCode
from pegboard.host import Host
from pegboard_ui.data import trace_page
from pegboard_wire.http import Call, Identity

from .conftest import served

API = "/api/pegboard/1.0"
BEGAN = 1_700_000_000_000_000_000
MS = 1_000_000
QUICK, SLOW, FAILED, RUNS = (f"tr-{number:032x}" for number in range(1, 5))


def llm(trace, name, ms, tokens, cost, **more):
    attributes = {
        "mlflow.spanType": "LLM",
        "mlflow.llm.model": "tern",
        "mlflow.chat.tokenUsage": {"total_tokens": tokens},
        "mlflow.llm.cost": {"total_cost": cost},
    }
    return Span(trace, "b" * 16, name, BEGAN, BEGAN + ms * MS, attributes=attributes, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = tmp_path_factory.mktemp("traces")
    store = Host(Config()).tracking_store(f"sqlite:{place}/s.db")
    experiment = store.create_experiment("agents").experiment_id
    other = store.create_experiment("others").experiment_id
    traces = store.traces()
    traces.log_spans(experiment, [llm(QUICK, "quick", 5, 900, 0.5)])
    chunks = [SpanEvent("mlflow.chunk.item.0", BEGAN + 2 * MS), SpanEvent("x", BEGAN + 3 * MS)]
    slow = llm(SLOW, "slow", 50, 100, 0.1, events=chunks)
    inner = Span(
        SLOW, "c" * 16, "search", BEGAN + 10 * MS, BEGAN + 20 * MS, "b" * 16,
        SpanStatusCode.ERROR, "the index\nwas away",
        attributes={
            "mlflow.spanType": "TOOL",
            "mlflow.spanInputs": '{"q": "a \\"b\\""}',
            "long": "x" * 300_000,
            "odd": float("nan"),
        },
    )  # fmt: skip
    last = Span(
        SLOW, "d" * 16, "rows", BEGAN + 20 * MS, None, "b" * 16,
        attributes={
            "mlflow.spanType": "RETRIEVER",
            "mlflow.spanOutputs": [1, 2, 3],
            "mlflow.linkedPrompts": '[{"name": "ask", "version": "3"}, {"name": "x"}]',
        },
    )  # fmt: skip
    traces.log_spans(experiment, [slow, inner, last])
    traces.create_assessment(Assessment(SLOW, "good", AssessmentKind.FEEDBACK, float("inf")))
    root = Span(FAILED, "e" * 16, "broken", BEGAN, BEGAN + MS, None, SpanStatusCode.ERROR)
    traces.log_spans(experiment, [root])
    for trace, name in ((QUICK, "quick"), (SLOW, "slow"), (FAILED, "broken")):
        traces.set_tag(trace, "mlflow.traceName", name)
    traces.set_tag(QUICK, "team", "blue")
    traces.log_spans(other, [Span(RUNS, "f" * 16, "waits", BEGAN, None, "0" * 16)])
    with served(place, "server", "--store", f"sqlite:{place}/s.db", "--port", "0") as site:
        yield site, experiment, f"sqlite:{place}/s.db"


def ask(world, path, **query):
    reply = world[0].get(f"{API}/{path}?{urlencode(query, doseq=True)}")
    assert reply.status == 200, reply.body
    return reply.json


def test_the_failed_come_first_then_what_runs_then_the_slowest(world):
    found = ask(world, "traces/list")
    assert found["ids"] == [FAILED, RUNS, SLOW, QUICK]
    assert found["states"] == ["ERROR", "IN_PROGRESS", "OK", "OK"]
    assert found["durations"] == [1, None, 50, 5]
    assert found["tokens"] == [None, None, 100, 900]
    assert found["costs"] == [None, None, 0.1, 0.5]
    assert found["scores"][2] == [{"name": "good", "value": "Infinity"}]
    assert found["experiment_names"][found["experiments"][1]] == "others"


@pytest.mark.parametrize(
    ("sort", "first"),
    [("-duration", SLOW), ("duration", FAILED), ("-tokens", QUICK), ("tokens", SLOW),
     ("-cost", QUICK), ("name", FAILED), ("-name", SLOW), ("status", FAILED)],
)  # fmt: skip
def test_each_column_sorts_and_what_has_no_value_is_never_first(world, sort, first):
    found = ask(world, "traces/list", experiment_ids=[world[1]], sort=sort)
    assert found["ids"][0] == first
    assert len(found["ids"]) == 3
    assert found["among"] == (3 if "tokens" in sort or "cost" in sort else 0)


def test_plain_words_look_into_spans_and_filters_are_filters(world):
    assert ask(world, "traces/list", q="index away")["ids"] == [SLOW]
    assert ask(world, "traces/list", q="tags.team = 'blue'")["ids"] == [QUICK]
    assert ask(world, "traces/list", q="span.type = 'TOOL'")["ids"] == [SLOW]


def test_a_wrong_filter_says_where_and_a_wrong_sort_what_there_is(world):
    reply = world[0].get(f"{API}/traces/list?q={quote('trace.nam = 1')}")
    assert reply.status == 400
    assert reply.json["position"] == 0
    reply = world[0].get(f"{API}/traces/list?sort=colour")
    assert reply.status == 400
    assert "duration" in reply.json["message"]


def test_pages_follow_one_another(world):
    first = ask(world, "traces/list", limit=3)
    rest = ask(world, "traces/list", limit=3, page_token=first["next_page_token"])
    assert (rest["ids"], rest["next_page_token"]) == ([QUICK], None)


def test_columns_and_values_complete_a_filter(world):
    columns = {each["value"]: each["traces"] for each in ask(world, "traces/values")["values"]}
    assert (columns["tags.team"], columns["feedback.good"], columns["trace.name"]) == (1, 1, 0)

    def values(column):
        found = ask(world, "traces/values", column=column)["values"]
        return {each["value"]: each["traces"] for each in found}

    assert values("trace.status") == {"OK": 2, "ERROR": 1, "IN_PROGRESS": 1}
    assert values("tags.team") == {"blue": 1}
    assert values("span.type")["TOOL"] == 1
    assert values("feedback.good") == {"Infinity": 1}
    assert values("trace.text") == {}


def test_the_overview_draws_every_span(world):
    found = ask(world, "traces/overview", trace_id=SLOW)
    assert found["total"] == 3
    assert found["names"] == ["slow", "search", "rows"]
    assert found["parents"] == [None, "b" * 16, "b" * 16]
    assert (found["starts"], found["ends"]) == ([0, 10, 20], [50, 20, None])
    assert found["firsts"] == [2, None, None]
    assert found["is_model"] == [True, False, False]
    assert found["notes"] == ["100 tok", "the index was away", "3 documents"]
    assert found["prompts"] == [{"name": "ask", "version": "3"}]
    assert found["assessments"][0]["value"] == "Infinity"
    assert found["info"]["experiment"] == "agents"


def test_a_trace_of_too_many_spans_is_cut_and_says_so(world, monkeypatch):
    monkeypatch.setattr(trace_page, "MOST_SPANS", 2)
    call = Call(
        Host(Config()), Identity("ann", frozenset()), {"trace_id": SLOW}, {}, tracking_uri=world[2]
    )
    overview = next(e for e in trace_page.ENDPOINTS if e.path.endswith("/overview"))
    found = json.loads(overview.handle(call).content)
    assert (found["total"], found["names"]) == (3, ["slow", "search"])


def test_a_span_shows_long_values_cut_and_odd_numbers_as_text(world):
    found = ask(world, "traces/span", trace_id=SLOW, span_id="c" * 16)
    assert found["inputs"] == {"q": 'a "b"'}
    assert found["has"] == ["inputs"]
    assert found["attributes"]["odd"] == "NaN"
    assert len(found["attributes"]["long"]) == 200_000
    assert found["cut"] == {"attributes.long": 300_000}
    reply = world[0].get(f"{API}/traces/span?trace_id={SLOW}&span_id=9")
    assert reply.status == 404


@pytest.mark.parametrize(
    ("text", "spans"), [("AWAY", ["c"]), ('a "b', ["c"]), ("tool", ["c"]), ("nothing", [])]
)
def test_spans_are_found_by_what_they_hold(world, text, spans):
    found = ask(world, "traces/find", trace_id=SLOW, q=text)
    assert found == {"total": len(spans), "ids": [each * 16 for each in spans]}


def test_sessions_are_found_by_the_grammar_and_told_in_turns(tmp_path):
    store = Host(Config()).tracking_store(f"sqlite:{tmp_path}/s.db")
    experiment = store.create_experiment("talks").experiment_id
    for number in range(5):
        key = {"session.id": "it's one" if number < 3 else f"s{number}", "user.id": f"u{number}"}
        text = {"mlflow.spanInputs": float("nan"), "mlflow.spanOutputs": "long " * 10_000}
        root = Span(f"tr-{number:032x}", "b" * 16, "chat", BEGAN + number * 10**9, BEGAN + 10**10,
                    attributes={**key, **text})  # fmt: skip
        store.traces().log_spans(experiment, [root])
    store.traces().log_spans(experiment, [llm("tr-" + "f" * 32, "alone", 1, 1, 0.1)])
    words = ("server", "--store", f"sqlite:{tmp_path}/s.db", "--port", "0")
    with served(tmp_path, *words) as site:
        found = site.get(f"{API}/traces/sessions").json
        told = dict(zip(found["ids"], found["turns"], strict=True))
        assert (told, found["total"], found["among"]) == ({"s4": 1, "s3": 1, "it's one": 3}, 3, 0)
        either = "metadata.mlflow.trace.user = 'u1' OR trace.name = 'alone'"
        answer = site.get(f"{API}/traces/sessions?{urlencode({'q': either})}").json
        assert answer["ids"] == ["it's one"]
        wrong = site.get(f"{API}/traces/sessions?{urlencode({'q': 'trace.x = 1'})}")
        assert (wrong.status, wrong.json["position"]) == (400, 0)
        asked = {"session": "it's one", "limit": 2}
        first = site.get(f"{API}/traces/session?{urlencode(asked)}").json
        assert [turn["user"] for turn in first["turns"]] == ["u0", "u1"]
        assert first["turns"][0]["input"] == {"value": "NaN", "cut": 0}
        output = first["turns"][0]["output"]
        assert (len(output["value"]), output["cut"]) == (20_000, 50_000)
        asked["page_token"] = first["next_page_token"]
        second = site.get(f"{API}/traces/session?{urlencode(asked)}").json
        assert ([t["user"] for t in second["turns"]], second["next_page_token"]) == (["u2"], None)
