from __future__ import annotations

from pegboard.entities.traces import (
    Assessment,
    AssessmentKind,
    Span,
    SpanStatusCode,
    TraceInfo,
    TraceState,
)

from .conftest import NOW, Shell

ID = f"tr-{1:032x}"


def fill(shell: Shell) -> None:
    traces = shell.store.traces()
    named = {"mlflow.traceName": "answer", "team": "blue"}
    traces.start(
        TraceInfo(ID, "0", NOW, TraceState.ERROR, 1500, None, "why?", "so", {"m": "1"}, named)
    )
    traces.start(TraceInfo(f"tr-{2:032x}", "0", NOW + 1, TraceState.IN_PROGRESS))
    start = NOW * 1_000_000
    given = {"mlflow.spanType": "LLM", "mlflow.spanInputs": {"q": 1}, "mlflow.spanOutputs": "a"}
    failed = (SpanStatusCode.ERROR, "it is ill")
    traces.log_spans(
        "0",
        [
            Span(ID, f"{1:016x}", "root", start, start + 1_500_000_000, None, *failed),
            Span(ID, f"{2:016x}", "below", start, start + 2_000_000, f"{1:016x}", attributes=given),
            Span(ID, f"{3:016x}", "lowest", start, None, f"{2:016x}"),
        ],
    )
    traces.create_assessment(Assessment(ID, "good", AssessmentKind.FEEDBACK, 0.5, "HUMAN", "me"))


def test_traces_are_listed_filtered_and_limited(shell: Shell) -> None:
    shell("experiments", "create", "other")
    fill(shell)
    listed = shell("traces", "list")
    first, second = listed.stdout.splitlines()[1:]
    assert "IN_PROGRESS" in first
    assert all(word in second for word in ("answer", "ERROR", "1.50 s", "why?", "so", ID))
    assert "--limit" in shell("traces", "list", "--limit", "1").stderr
    found = shell.json("traces", "list", "--filter", "tags.team = 'blue'")
    assert [info["trace_id"] for info in found] == [ID]
    assert shell.json("traces", "list", "-x", "other") == []
    assert "No trace matches" in shell("traces", "list", "-x", "other").stderr


def test_a_trace_is_shown_as_a_tree(shell: Shell) -> None:
    shell("experiments", "create", "other")
    fill(shell)
    shown = shell("traces", "show", ID).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert 'below LLM 2.0 ms {"q":1} → a' in lines
    assert "root 1.50 s ERROR it is ill" in lines
    assert "\n      lowest  open" in shown
    assert "good feedback 0.5 HUMAN me" in lines
    whole = shell.json("traces", "show", ID)
    assert [span["name"] for span in whole["spans"]] == ["root", "below", "lowest"]
    missing = shell("traces", "show", "tr-none")
    assert missing.exit_code == 1
    assert "tr-none" in missing.stderr
