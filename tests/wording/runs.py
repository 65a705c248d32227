"""What MLflow's clients look for in errors about runs."""

from __future__ import annotations

from wording.world import NOBODY, Faults, pairs

FAULTS: Faults = {
    ("POST", "runs/log-metric"): [
        (
            {"run_id": 31, "key": "k", "value": 1.0, "timestamp": 1},
            "Invalid value 31 for parameter 'run_id' supplied",
        ),
        (
            {"run_id": "{run}", "key": 31, "value": 1.0, "timestamp": 1},
            "Invalid value 31 for parameter 'key' supplied",
        ),
        (
            {"run_id": "{run}", "key": "k", "value": "x", "timestamp": 1},
            "Invalid value \"x\" for parameter 'value' supplied",
        ),
        (
            {"run_id": "{run}", "key": "k", "value": 1.0, "timestamp": "x"},
            "Invalid value \"x\" for parameter 'timestamp' supplied",
        ),
        (
            {"run_id": "{run}", "key": "k", "value": 1.0, "timestamp": 1, "step": "x"},
            "Invalid value \"x\" for parameter 'step' supplied",
        ),
        (
            {"key": "k", "value": 1.0, "timestamp": 1},
            "Missing value for required parameter 'run_id'",
        ),
        (
            {"run_id": "{run}", "value": 1.0, "timestamp": 1},
            "Missing value for required parameter 'key'",
        ),
        (
            {"run_id": "{run}", "key": "k", "timestamp": 1},
            "Missing value for required parameter 'value'",
        ),
        (
            {"run_id": "{run}", "key": "k", "value": 1.0},
            "Missing value for required parameter 'timestamp'",
        ),
        ({}, "Missing value for required parameter 'run_id'"),
        (
            {"run_id": "{run}", "key": "a?b", "value": 1.0, "timestamp": 1},
            "Invalid value \"a?b\" for parameter 'name' supplied: Names may only",
        ),
        (
            {"run_id": "{run}", "key": "../b", "value": 1.0, "timestamp": 1},
            "Invalid value \"../b\" for parameter 'name' supplied: Names may be treated as files",
        ),
        (
            {"run_id": "{run}", "key": "k" * 251, "value": 1.0, "timestamp": 1},
            "'Metric name' exceeds the maximum length of 250 characters",
        ),
        (
            {"run_id": NOBODY, "key": "k", "value": 1.0, "timestamp": 1},
            "Run with id={nobody} not found",
        ),
        (
            {"run_id": "{gone_run}", "key": "k", "value": 1.0, "timestamp": 1},
            "The run {gone_run} must be in the 'active' state. Current state is deleted",
        ),
    ],
    ("POST", "runs/log-parameter"): [
        (
            {"run_id": "{run}", "key": "a//b", "value": "v"},
            "Invalid value \"a//b\" for parameter 'key' supplied: Names may be treated as files",
        ),
        (
            {"run_id": 31, "key": "k", "value": 41},
            "Invalid value 31 for parameter 'run_id' supplied",
        ),
        (
            {"run_id": "{run}", "key": 31, "value": 41},
            "Invalid value 31 for parameter 'key' supplied",
        ),
        (
            {"run_id": "{run}", "key": "k", "value": 41},
            "Invalid value 41 for parameter 'value' supplied",
        ),
        ({"key": "k", "value": 41}, "Missing value for required parameter 'run_id'"),
        ({"run_id": "{run}", "value": "v"}, "Missing value for required parameter 'key'"),
        (
            {"run_id": "{run}", "key": "lr", "value": "0.2"},
            "Changing param values is not allowed. Param with key='lr'",
        ),
        (
            {"run_id": "{run}", "key": "a?b", "value": "0.2"},
            "Invalid value \"a?b\" for parameter 'key' supplied: Names may only",
        ),
        (
            {"run_id": "{run}", "key": "k" * 251, "value": "0.2"},
            "'Param key' exceeds the maximum length of 250 characters",
        ),
        ({"run_id": NOBODY, "key": "k", "value": "0.2"}, "Run with id={nobody} not found"),
        (
            {"run_id": "{gone_run}", "key": "k", "value": "0.2"},
            "The run {gone_run} must be in the 'active' state. Current state is deleted",
        ),
    ],
    ("POST", "runs/set-tag"): [
        (
            {"run_id": 31, "key": "k", "value": 41},
            "Invalid value 31 for parameter 'run_id' supplied",
        ),
        (
            {"run_id": "{run}", "key": 31, "value": 41},
            "Invalid value 31 for parameter 'key' supplied",
        ),
        (
            {"run_id": "{run}", "key": "k", "value": 41},
            "Invalid value 41 for parameter 'value' supplied",
        ),
        ({"run_id": "{run}", "value": "v"}, "Missing value for required parameter 'key'"),
        (
            {"run_id": "{run}", "key": "a?b", "value": "v"},
            "Invalid value \"a?b\" for parameter 'key' supplied: Names may only",
        ),
        (
            {"run_id": "{run}", "key": "/a", "value": "v"},
            "Invalid value \"/a\" for parameter 'key' supplied: Names may be treated as files",
        ),
        (
            {"run_id": "{run}", "key": "k" * 251, "value": "v"},
            "'key' exceeds the maximum length of 250 characters",
        ),
        ({"run_id": NOBODY, "key": "k", "value": "v"}, "Run with id={nobody} not found"),
        (
            {"run_id": "{gone_run}", "key": "k", "value": "v"},
            "The run {gone_run} must be in the 'active' state. Current state is deleted",
        ),
    ],
    ("POST", "runs/delete-tag"): [
        ({"run_id": "{run}", "key": "nope"}, "No tag with name: nope in run with id {run}"),
        ({"run_id": 31, "key": "nope"}, "Invalid value 31 for parameter 'run_id' supplied"),
        ({"run_id": "{run}"}, "Missing value for required parameter 'key'"),
        ({"run_id": NOBODY, "key": "k"}, "Run with id={nobody} not found"),
    ],
    ("POST", "runs/log-batch"): [
        ({"run_id": 31}, "Invalid value 31 for parameter 'run_id' supplied"),
        ({"metrics": []}, "Missing value for required parameter 'run_id'"),
        (
            {"run_id": "{run}", "metrics": "foo"},
            "Invalid value \"foo\" for parameter 'metrics' supplied",
        ),
        (
            {"run_id": "{run}", "params": "foo"},
            "Invalid value \"foo\" for parameter 'params' supplied",
        ),
        ({"run_id": "{run}", "tags": "foo"}, "Invalid value \"foo\" for parameter 'tags' supplied"),
        (
            {"run_id": "{run}", "tags": "foo", "metrics": 31},
            "Invalid value 31 for parameter 'metrics' supplied",
        ),
        (
            {"run_id": "{run}", "metrics": [{"key": "m", "value": 2.5}]},
            "Missing value for required parameter 'metrics[0].timestamp'",
        ),
        (
            {"run_id": "{run}", "metrics": [{"key": "m", "timestamp": 2}]},
            "Missing value for required parameter 'metrics[0].value'",
        ),
        (
            {"run_id": "{run}", "metrics": [{"value": 2.5, "timestamp": 2}]},
            "Missing value for required parameter 'metrics[0].key'",
        ),
        (
            {
                "run_id": "{run}",
                "metrics": [{"key": "m", "value": 2.5, "timestamp": 2}, {"key": "m", "value": 2.5}],
            },
            "Missing value for required parameter 'metrics[1].timestamp'",
        ),
        (
            {"run_id": "{run}", "metrics": [{"key": "a?b", "value": 1.0, "timestamp": 2}]},
            "Invalid value \"a?b\" for parameter 'metrics[0].name' supplied: Names may only",
        ),
        (
            {"run_id": "{run}", "metrics": [{"key": "k" * 251, "value": 1.0, "timestamp": 2}]},
            "'Metric name' exceeds the maximum length of 250 characters",
        ),
        (
            {"run_id": "{run}", "params": [{"value": "x"}]},
            "Missing value for required parameter 'params[0].key'",
        ),
        (
            {"run_id": "{run}", "params": [{"key": "a?b", "value": "x"}]},
            "Invalid value \"a?b\" for parameter 'params[0].key' supplied: Names may only",
        ),
        (
            {"run_id": "{run}", "params": [{"key": "k" * 251, "value": "x"}]},
            "'Param key' exceeds the maximum length of 250 characters",
        ),
        (
            {"run_id": "{run}", "params": [{"key": "p", "value": "x"}, {"key": "p", "value": "x"}]},
            "Duplicate parameter keys have been submitted: ['p']",
        ),
        (
            {"run_id": "{run}", "params": [{"key": "p", "value": "x"}, {"key": "p", "value": "y"}]},
            "Duplicate parameter keys have been submitted: ['p']",
        ),
        (
            {"run_id": "{run}", "params": [{"key": "lr", "value": "9"}]},
            "Changing param values is not allowed. Param",
        ),
        (
            {"run_id": "{run}", "tags": [{"value": "x"}]},
            "Missing value for required parameter 'tags[0].key'",
        ),
        (
            {"run_id": "{run}", "tags": [{"key": "a?b", "value": "x"}]},
            "Invalid value \"a?b\" for parameter 'tags[0].key' supplied: Names may only",
        ),
        (
            {"run_id": "{run}", "tags": [{"key": "k" * 251, "value": "x"}]},
            "'tags[0].key' exceeds the maximum length of 250 characters",
        ),
        (
            {"run_id": "{run}", "metrics": [{"key": "m", "value": 1.0, "timestamp": 2}] * 1001},
            "A batch logging request can contain at most 1000 metrics. Got 1001 metrics",
        ),
        (
            {"run_id": "{run}", "params": pairs(101)},
            "A batch logging request can contain at most 100 params. Got 101 params",
        ),
        (
            {"run_id": "{run}", "tags": pairs(101)},
            "A batch logging request can contain at most 100 tags. Got 101 tags",
        ),
        (
            {
                "run_id": "{run}",
                "metrics": [{"key": "m", "value": 1.0, "timestamp": 2}] * 901,
                "params": pairs(100),
            },
            "A batch logging request can contain at most 1000 metrics, params, and tags",
        ),
        (
            {"run_id": NOBODY, "metrics": [{"key": "m", "value": 1.0, "timestamp": 2}]},
            "Run with id={nobody} not found",
        ),
        (
            {"run_id": "{gone_run}", "metrics": [{"key": "m", "value": 1.0, "timestamp": 2}]},
            "The run {gone_run} must be in the 'active' state. Current state is deleted",
        ),
        (
            {"run_id": NOBODY, "tags": [{"key": "m", "value": "v"}]},
            "Run with id={nobody} not found",
        ),
    ],
    ("POST", "runs/log-model"): [
        ({"run_id": 31}, "Invalid value 31 for parameter 'run_id' supplied"),
        ({"run_id": "{run}"}, "Missing value for required parameter 'model_json'"),
        (
            {"run_id": "{run}", "model_json": 123},
            "Invalid value 123 for parameter 'model_json' supplied",
        ),
        ({"run_id": "{run}", "model_json": "not json"}, "Malformed model info"),
        (
            {"run_id": "{run}", "model_json": '{"artifact_path":"x"}'},
            "Model json is missing mandatory fields",
        ),
    ],
    ("POST", "runs/log-inputs"): [
        ({"run_id": 31}, "Invalid value 31 for parameter 'run_id' supplied"),
        (
            {"run_id": "{run}", "datasets": "x"},
            "Invalid value \"x\" for parameter 'datasets' supplied",
        ),
        (
            {
                "run_id": NOBODY,
                "datasets": [
                    {"dataset": {"name": "a", "digest": "d", "source_type": "s", "source": "s"}}
                ],
            },
            "Run with id={nobody} not found",
        ),
        (
            {
                "run_id": "{run}",
                "datasets": [
                    {
                        "dataset": {"name": "a", "digest": "d", "source_type": "s", "source": "s"},
                        "tags": [{"key": "k" * 256, "value": "x"}],
                    }
                ],
            },
            "'key' exceeds the maximum length of 255 characters",
        ),
        (
            {
                "run_id": "{run}",
                "datasets": [
                    {
                        "dataset": {"name": "a", "digest": "d", "source_type": "s", "source": "s"},
                        "tags": [{"key": "k", "value": "x" * 501}],
                    }
                ],
            },
            "'value' exceeds the maximum length of 500 characters",
        ),
        (
            {
                "run_id": "{run}",
                "datasets": [
                    {
                        "dataset": {
                            "name": "a" * 501,
                            "digest": "d",
                            "source_type": "s",
                            "source": "s",
                        }
                    }
                ],
            },
            "'name' exceeds the maximum length of 500 characters",
        ),
        (
            {
                "run_id": "{run}",
                "datasets": [
                    {
                        "dataset": {
                            "name": "a",
                            "digest": "d" * 37,
                            "source_type": "s",
                            "source": "s",
                        }
                    }
                ],
            },
            "'digest' exceeds the maximum length of 36 characters",
        ),
        (
            {
                "run_id": "{run}",
                "datasets": [
                    {
                        "dataset": {
                            "name": "a",
                            "digest": "d",
                            "source_type": "s",
                            "source": "s" * 65536,
                        }
                    }
                ],
            },
            "'source' exceeds the maximum length of 65535 characters",
        ),
        (
            {
                "run_id": "{run}",
                "datasets": [
                    {
                        "dataset": {
                            "name": "a",
                            "digest": "d",
                            "source_type": "s",
                            "source": "s",
                            "schema": "s" * 1048576,
                        }
                    }
                ],
            },
            "'schema' exceeds the maximum length of 1048575 characters",
        ),
        (
            {
                "run_id": "{gone_run}",
                "datasets": [
                    {"dataset": {"name": "a", "digest": "d", "source_type": "s", "source": "s"}}
                ],
            },
            "The run {gone_run} must be in the 'active' state. Current state is deleted",
        ),
    ],
    ("POST", "runs/outputs"): [
        ({"run_id": "{run}"}, "Missing value for required parameter 'models'"),
    ],
    ("POST", "runs/create"): [
        ({"experiment_id": 1234}, "Invalid value 1234 for parameter 'experiment_id' supplied"),
        (
            {"experiment_id": "{exp}", "start_time": "foo"},
            "Invalid value \"foo\" for parameter 'start_time' supplied",
        ),
        (
            {"experiment_id": "{exp}", "run_name": 1},
            "Invalid value 1 for parameter 'run_name' supplied",
        ),
        ({"experiment_id": "77777"}, "No Experiment with id=77777 exists"),
        (
            {"experiment_id": "{gone_exp}"},
            "The experiment {gone_exp} must be in the 'active' state. Current state is deleted",
        ),
        (
            {
                "experiment_id": "{exp}",
                "run_name": "a",
                "tags": [{"key": "mlflow.runName", "value": "b"}],
            },
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different",
        ),
    ],
    ("GET", "runs/get"): [
        ({}, "Missing value for required parameter 'run_id'"),
        ({"run_id": NOBODY}, "Run with id={nobody} not found"),
    ],
    ("POST", "runs/update"): [
        ({"run_id": 31}, "Invalid value 31 for parameter 'run_id' supplied"),
        (
            {"run_id": "{run}", "end_time": "x"},
            "Invalid value \"x\" for parameter 'end_time' supplied",
        ),
        ({"run_id": "{run}", "run_name": 1}, "Invalid value 1 for parameter 'run_name' supplied"),
        ({"run_id": NOBODY, "status": "FINISHED"}, "Run with id={nobody} not found"),
        (
            {"run_id": "{gone_run}", "status": "FINISHED"},
            "The run {gone_run} must be in the 'active' state. Current state is deleted",
        ),
    ],
    ("POST", "runs/delete"): [
        ({"run_id": NOBODY}, "Run with id={nobody} not found"),
    ],
    ("POST", "runs/restore"): [
        ({"run_id": NOBODY}, "Run with id={nobody} not found"),
    ],
    ("POST", "runs/search"): [
        ({"experiment_ids": "x"}, "Invalid value \"x\" for parameter 'experiment_ids' supplied"),
        (
            {"experiment_ids": ["{exp}"], "filter": 31},
            "Invalid value 31 for parameter 'filter' supplied",
        ),
        (
            {"experiment_ids": ["{exp}"], "max_results": "x"},
            "Invalid value \"x\" for parameter 'max_results' supplied",
        ),
        (
            {"experiment_ids": ["{exp}"], "max_results": 50001},
            "Invalid value 50001 for parameter 'max_results' supplied",
        ),
        (
            {"experiment_ids": ["{exp}"], "max_results": 0},
            "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer",
        ),
        (
            {"experiment_ids": ["{exp}"], "max_results": -1},
            "Invalid value -1 for parameter 'max_results' supplied. It must be a positive integer",
        ),
        (
            {"experiment_ids": ["{exp}"], "order_by": "x"},
            "Invalid value \"x\" for parameter 'order_by' supplied",
        ),
        (
            {"experiment_ids": ["{exp}"], "order_by": [31]},
            "Invalid value [31] for parameter 'order_by' supplied",
        ),
        (
            {"experiment_ids": ["{exp}"], "filter": "attribute.nope = 'x'"},
            "Invalid attribute key 'nope' specified",
        ),
        ({"experiment_ids": ["{exp}"], "filter": "nope.x = 'x'"}, "Invalid entity type 'nope'"),
        (
            {"experiment_ids": ["{exp}"], "filter": "params.x = y"},
            "Parameter value is either not quoted",
        ),
        (
            {"experiment_ids": ["{exp}"], "filter": "metrics.x = 'y'"},
            "Expected numeric value type for metric. Found 'y'",
        ),
        ({"experiment_ids": ["{exp}"], "filter": "params.x == 'y'"}, "Invalid comparator '=='"),
        (
            {"experiment_ids": ["{exp}"], "filter": "params.x"},
            "Invalid clause(s) in filter string: 'params.x'",
        ),
        (
            {"experiment_ids": ["{exp}"], "filter": "params.x = 'y"},
            "Invalid clause(s) in filter string",
        ),
        ({"experiment_ids": ["{exp}"], "order_by": ["nope.x"]}, "Invalid entity type 'nope'"),
        (
            {"experiment_ids": ["{exp}"], "order_by": ["attribute.nope"]},
            "Invalid attribute key 'nope' specified",
        ),
        (
            {"experiment_ids": ["{exp}"], "order_by": ["metrics.x ACS"]},
            "Invalid ordering key in order_by clause 'metrics.x ACS'",
        ),
        (
            {"experiment_ids": ["{exp}"], "order_by": ["metrics.x ASC DESC"]},
            "Invalid order_by clause 'metrics.x ASC DESC'. Could not be parsed",
        ),
        ({"experiment_ids": ["{exp}"], "page_token": "nope"}, "Invalid page token"),
    ],
}
