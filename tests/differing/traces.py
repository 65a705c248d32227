"""Calls about traces."""

from __future__ import annotations

from differing.writer import KEYS, NONCE, Writer


def traces(w: Writer) -> None:
    match w.one(
        ["info"] * 3
        + ["spans"] * 2
        + [
            "get",
            "get",
            "search",
            "search",
            "search",
            "tag",
            "untag",
            "assess",
            "assess",
            "reassess",
            "unassess",
            "assessment",
            "delete",
        ]
    ):
        case "info":
            w.add(
                "start_trace_info",
                "trace",
                experiment_id=w.known("experiment"),
                trace_id=f"tr-{len(w.steps) + 1:020x}{NONCE}",
                state=w.one(["OK", "ERROR", "IN_PROGRESS", "STATE_UNSPECIFIED"]),
                request_time=w.start(),
                execution_duration=w.one([None, 0, 5, 1000]),
                request_preview=w.one([None, "hello", ""]),
                response_preview=w.one([None, "bye"]),
                client_request_id=w.one([None, None, "c1"]),
                trace_metadata=w.one(
                    [
                        {},
                        {"mlflow.sourceRun": w.known("run")},
                        {"mlflow.trace.session": "s1", "m": "v"},
                    ]
                ),
                tags=w.one([{}, {"t": "1", "mlflow.traceName": "n1"}, {"mlflow.traceName": "N2"}]),
            )
        case "spans":
            w.add(
                "trace_with_spans",
                "trace",
                experiment_id=w.known("experiment"),
                name=w.one(["n1", "N2"]),
                inputs=w.one([{"q": "hello"}, "text", None, [1]]),
                outputs=w.one([{"a": 1.5}, "out", None]),
                tags=w.one([None, {"t": "1"}]),
                failed=w.chance(0.3),
                start=w.start() * 10**6,
            )
        case "get":
            w.add(w.one(["get_trace_info", "get_trace"]), trace_id=w.known("trace"))
        case "search":
            clauses = [
                lambda: w.text_match(
                    w.one(
                        [
                            "tags.t",
                            "tag.t",
                            "metadata.m",
                            "request_metadata.m",
                            "tags.`mlflow.traceName`",
                        ]
                    ),
                    ["1", "v", "n1"],
                ),
                lambda: w.text_match(
                    w.one(["trace.status", "status", "attributes.status"]),
                    ["OK", "ERROR", "IN_PROGRESS"],
                ),
                lambda: w.text_match(
                    w.one(["name", "attributes.name", "trace.name"]), ["n1", "N%"]
                ),
                lambda: w.number_match(
                    w.one(
                        [
                            "timestamp_ms",
                            "attributes.timestamp_ms",
                            "timestamp",
                            "execution_time_ms",
                            "execution_time",
                        ]
                    ),
                    [0, 5, 1000],
                ),
                lambda: w.text_match(
                    w.one(
                        [
                            "run_id",
                            "client_request_id",
                            "trace.client_request_id",
                            "request_id",
                            "trace_id",
                        ]
                    ),
                    ["x", "c1"],
                ),
                lambda: w.text_match(
                    w.one(["feedback.f", "expectation.e", "span.name", "span.type", "feedback.f"]),
                    ["good", "child", "%hello%", "CHAIN"],
                ),
                lambda: w.one(
                    [
                        "span.content LIKE '%hello%'",
                        "tags.t RLIKE '^[0-9]$'",
                        "status NOT IN ('OK')",
                        "tags.t IS NULL",
                        "metadata.m IS NOT NULL",
                        "feedback.f IS NULL",
                        "span.status = 'ERROR'",
                        "feedback.f > 0",
                        "end_time_ms > 5",
                        "name RLIKE 'n'",
                    ]
                ),
            ]
            w.add(
                "search_traces",
                locations=[w.known("experiment")],
                filter_string=w.filter(clauses),
                **w.page(),
                order_by=w.order(
                    [
                        "timestamp_ms",
                        "timestamp",
                        "attributes.timestamp_ms",
                        "execution_time_ms",
                        "status",
                        "name",
                        "tags.t",
                    ]
                ),
            )
        case "tag":
            w.add(
                "set_trace_tag",
                trace_id=w.known("trace"),
                key=w.one([*KEYS, "mlflow.traceName", {"*": ["k", 251]}]),
                value=w.value(),
            )
        case "untag":
            w.add("delete_trace_tag", trace_id=w.known("trace"), key=w.one([*KEYS, "t"]))
        case "assess":
            kind = w.one(["feedback", "expectation"])
            w.add(
                "log_assessment",
                "assessment",
                trace_id=w.known("trace"),
                kind=kind,
                name=w.one(["f", "e"]),
                value=w.one(
                    [1, 0.5, True, "good", {"k": [1]}, ["a"], None]
                    if kind == "feedback"
                    else [1, 0.5, "good", {"k": [1]}, False]
                ),
                source=w.one([None, ["HUMAN", "ann"], ["CODE", "c"], ["LLM_JUDGE", "j"]]),
                metadata=w.one([None, {"k": "v"}]),
                rationale=w.one([None, "why"]),
                error=w.one([None, None, ["E1", "broke"]]),
            )
        case "reassess":
            w.add(
                "update_assessment",
                trace_id=w.known("trace"),
                assessment_id=w.known("assessment"),
                kind=w.one(["feedback", "expectation"]),
                name=w.one(["f", "e"]),
                value=w.one([2, "better"]),
            )
        case "unassess":
            w.add(
                "delete_assessment", trace_id=w.known("trace"), assessment_id=w.known("assessment")
            )
        case "assessment":
            w.add("get_assessment", trace_id=w.known("trace"), assessment_id=w.known("assessment"))
        case "delete":
            w.add(
                "delete_traces",
                experiment_id=w.known("experiment"),
                **w.one(
                    [
                        {"trace_ids": [w.known("trace")]},
                        {"max_timestamp_millis": 1000, "max_traces": 1},
                        {"max_timestamp_millis": 5},
                        {"trace_ids": [w.known("trace")], "max_timestamp_millis": 5},
                    ]
                ),
            )
