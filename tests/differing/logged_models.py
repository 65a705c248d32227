"""Calls about logged models."""

from __future__ import annotations

from differing.writer import KEYS, TIMES, Writer


def logged_models(w: Writer) -> None:
    match w.one(
        ["create"] * 3
        + [
            "get",
            "finalize",
            "search",
            "search",
            "search",
            "tags",
            "untag",
            "params",
            "delete",
            "metric",
            "metric",
            "artifact",
            "artifacts",
        ]
    ):
        case "create":
            w.add(
                "create_logged_model",
                "model",
                experiment_id=w.known("experiment"),
                name=w.one(
                    ["m1", "m2", None, "", "a/b", "a b", {"*": ["n", 256]}]
                    if w.chance(0.2)
                    else ["m1", "m2"]
                ),
                source_run_id=w.one([None, w.known("run")]),
                tags=w.tags(),
                params=w.tags(),
                model_type=w.one([None, "agent", ""]),
            )
        case "get":
            w.add("get_logged_model", model_id=w.known("model"))
        case "finalize":
            w.add(
                "finalize_logged_model",
                model_id=w.known("model"),
                status=w.one(["READY", "FAILED", "PENDING", "x"]),
            )
        case "search":
            clauses = [
                lambda: w.number_match(w.named(["metrics"])),
                lambda: w.text_match(w.named(["params"])),
                lambda: w.text_match(w.named(["tags"])),
                lambda: w.text_match(w.one(["name", "attributes.name"]), ["m1", "M%"]),
                lambda: w.text_match(
                    w.one(["model_type", "source_run_id", "model_id"]), ["agent", "x"]
                ),
                lambda: w.number_match(
                    w.one(["creation_timestamp", "last_updated_timestamp"]), [0, 10**15]
                ),
            ]
            w.add(
                "search_logged_models",
                experiment_ids=[w.known("experiment")],
                filter_string=w.filter(clauses),
                **w.page(),
                order_by=w.one(
                    [
                        None,
                        [
                            {
                                "field_name": w.one(
                                    [
                                        "name",
                                        "creation_timestamp",
                                        "metrics.a",
                                        "metrics.loss",
                                        "last_updated_timestamp",
                                        "params.a",
                                    ]
                                ),
                                "ascending": w.chance(0.5),
                            }
                        ],
                    ]
                ),
            )
        case "tags":
            w.add(
                "set_logged_model_tags",
                model_id=w.known("model"),
                tags={**w.tags(), "t": w.value()},
            )
        case "untag":
            w.add("delete_logged_model_tag", model_id=w.known("model"), key=w.one([*KEYS, "t"]))
        case "params":
            w.add("log_model_params", model_id=w.known("model"), params=w.tags())
        case "delete":
            w.add("delete_logged_model", model_id=w.known("model"))
        case "metric":
            w.add(
                "log_metric",
                run_id=w.known("run"),
                key=w.one(["a", "loss"]),
                value=w.one([0.5, 1, 2]),
                timestamp=w.one(TIMES),
                step=w.one([0, 1]),
                model_id=w.known("model"),
                **({"dataset_name": "d1", "dataset_digest": "g1"} if w.chance(0.3) else {}),
            )
        case "artifact":
            w.add("log_model_artifact_text", model_id=w.known("model"), name="f.txt", text="hi")
        case "artifacts":
            w.add(
                "list_logged_model_artifacts",
                model_id=w.known("model"),
                path=w.one([None, "f.txt", "x"]),
            )
