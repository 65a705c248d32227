"""What MLflow's clients look for in errors about experiments, metrics, files, models and traces."""

from __future__ import annotations

import json

from wording.world import NOBODY, Faults, inside

NOWHERE = {"source_type": "NOPE", "source_data": {}}

FAULTS: Faults = {
    ("POST", "experiments/create"): [
        ({"name": 31}, "Invalid value 31 for parameter 'name' supplied"),
        ({}, "Missing value for required parameter 'name'"),
        ({"name": ""}, "Missing value for required parameter 'name'"),
        (
            {"name": "x", "artifact_location": 31},
            "Invalid value 31 for parameter 'artifact_location' supplied",
        ),
        ({"name": "x", "tags": 5}, "Invalid value 5 for parameter 'tags' supplied"),
        ({"name": "e-{n}"}, "Experiment(name=e-{n}) already exists"),
        ({"name": "g-{n}"}, "Experiment(name=g-{n}) already exists"),
        ({"name": "e" * 501}, "'name' exceeds the maximum length of 500 characters"),
        (
            {"name": "x", "artifact_location": "s3://b/c#d"},
            "'artifact_location' URL can't include fragments or params",
        ),
        (
            {"name": "x{n}", "tags": [{"key": "k" * 251, "value": "x"}]},
            "'key' exceeds the maximum length of 250 characters",
        ),
    ],
    ("GET", "experiments/get"): [
        ({}, "Missing value for required parameter 'experiment_id'"),
        ({"experiment_id": "77777"}, "No Experiment with id=77777 exists"),
    ],
    ("GET", "experiments/get-by-name"): [
        ({}, "Missing value for required parameter 'experiment_name'"),
        ({"experiment_name": "nope-{n}"}, "Could not find experiment with name 'nope-{n}'"),
    ],
    ("POST", "experiments/update"): [
        ({"experiment_id": "{exp}"}, "Missing value for required parameter 'new_name'"),
        (
            {"experiment_id": 31, "new_name": 31},
            "Invalid value 31 for parameter 'experiment_id' supplied",
        ),
        (
            {"experiment_id": "{exp}", "new_name": 31},
            "Invalid value 31 for parameter 'new_name' supplied",
        ),
        ({"experiment_id": "77777", "new_name": "x"}, "No Experiment with id=77777 exists"),
    ],
    ("POST", "experiments/delete"): [
        ({"experiment_id": "77777"}, "No Experiment with id=77777 exists"),
        ({"experiment_id": "{gone_exp}"}, "No Experiment with id={gone_exp} exists"),
    ],
    ("POST", "experiments/restore"): [
        ({"experiment_id": "77777"}, "No Experiment with id=77777 exists"),
        ({"experiment_id": "{exp}"}, "No Experiment with id={exp} exists"),
    ],
    ("POST", "experiments/set-experiment-tag"): [
        (
            {"experiment_id": "{exp}", "key": "/b", "value": "v"},
            "Invalid value \"/b\" for parameter 'key' supplied: Names may be treated as files",
        ),
        (
            {"experiment_id": 31, "key": 31, "value": 31},
            "Invalid value 31 for parameter 'experiment_id' supplied",
        ),
        ({"experiment_id": "{exp}"}, "Missing value for required parameter 'key'"),
        (
            {"experiment_id": "{exp}", "key": "k", "value": 31},
            "Invalid value 31 for parameter 'value' supplied",
        ),
        (
            {"experiment_id": "{exp}", "key": "k" * 251, "value": "x"},
            "'key' exceeds the maximum length of 250 characters",
        ),
        (
            {"experiment_id": "{exp}", "key": "a?b", "value": "x"},
            "Invalid value \"a?b\" for parameter 'key' supplied: Names may only",
        ),
        (
            {"experiment_id": "77777", "key": "a", "value": "x"},
            "No Experiment with id=77777 exists",
        ),
        (
            {"experiment_id": "{gone_exp}", "key": "a", "value": "x"},
            "The experiment {gone_exp} must be in the 'active' state. Current state is deleted",
        ),
    ],
    ("POST", "experiments/delete-experiment-tag"): [
        (
            {"experiment_id": "{exp}", "key": "nope"},
            "No tag with name: nope in experiment with id {exp}",
        ),
    ],
    ("POST", "experiments/search"): [
        (
            {"max_results": 0},
            "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer",
        ),
        (
            {"max_results": -1},
            "Invalid value -1 for parameter 'max_results' supplied. It must be a positive integer",
        ),
        ({"max_results": 50001}, "Invalid value 50001 for parameter 'max_results' supplied"),
        ({"max_results": "x"}, "Invalid value \"x\" for parameter 'max_results' supplied"),
        ({"max_results": 5, "filter": 31}, "Invalid value 31 for parameter 'filter' supplied"),
        ({"max_results": 5, "filter": "nope = 'x'"}, "Invalid attribute key 'nope' specified"),
        ({"max_results": 5, "filter": "name = x"}, "Parameter value is either not quoted"),
        (
            {"max_results": 5, "filter": "attribute.nope = 'x'"},
            "Invalid attribute key 'nope' specified",
        ),
        ({"max_results": 5, "order_by": ["nope"]}, "Invalid attribute key 'nope' specified"),
        (
            {"max_results": 5, "order_by": ["name BLAH"]},
            "Invalid ordering key in order_by clause 'name BLAH'",
        ),
        ({"max_results": 5, "page_token": "nope"}, "Invalid page token"),
    ],
    ("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets"): [
        ({}, "SearchDatasets request must specify at least one experiment_id"),
        ({"experiment_ids": []}, "SearchDatasets request must specify at least one experiment_id"),
        (
            {"experiment_ids": ["1"] * 21},
            "SearchDatasets request cannot specify more than 20 experiment_ids",
        ),
    ],
    ("GET", "metrics/get-history"): [
        ({"run_id": "{run}"}, "Missing value for required parameter 'metric_key'"),
        ({"metric_key": "m"}, "Missing value for required parameter 'run_id'"),
        ({"run_id": "{run}", "metric_key": "m", "max_results": "0"}, "Invalid value"),
        ({"run_id": "{run}", "metric_key": "m", "max_results": "-1"}, "Invalid value"),
        ({"run_id": "{run}", "metric_key": "m", "page_token": "x"}, "Invalid page token"),
        (
            {"run_id": "{run}", "metric_key": "m", "max_results": "5", "page_token": "x"},
            "Invalid page token",
        ),
    ],
    ("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk"): [
        ({"metric_key": "m"}, "GetMetricHistoryBulk request must specify at least one run_id"),
        (
            {"run_id": ["a"] * 101, "metric_key": "m"},
            "GetMetricHistoryBulk request cannot specify more than 100 run_ids",
        ),
        ({"run_id": "{run}"}, "GetMetricHistoryBulk request must specify a metric_key"),
    ],
    ("GET", "metrics/get-history-bulk-interval"): [
        ({"metric_key": "m"}, "Missing value for required parameter 'run_ids'"),
        (
            {"run_ids": ["a"] * 101, "metric_key": "m"},
            "GetMetricHistoryBulkInterval request must specify at most 100 run_ids",
        ),
        ({"run_ids": "{run}"}, "Missing value for required parameter 'metric_key'"),
        (
            {"run_ids": "{run}", "metric_key": "m", "max_results": "0"},
            "max_results must be between 1 and 2500",
        ),
        (
            {"run_ids": "{run}", "metric_key": "m", "max_results": "2501"},
            "max_results must be between 1 and 2500",
        ),
        (
            {"run_ids": "{run}", "metric_key": "m", "start_step": "1"},
            "If either start step or end step are specified, both must be specified",
        ),
        (
            {"run_ids": "{run}", "metric_key": "m", "start_step": "5", "end_step": "1"},
            "end_step must be greater than start_step. Found start_step=5 and end_step=1",
        ),
    ],
    ("GET", "artifacts/list"): [
        ({}, "Missing value for required parameter 'run_id'"),
        ({"run_id": NOBODY}, "Run with id={nobody} not found"),
        ({"run_id": "{run}", "path": "../x"}, "Invalid path"),
        ({"run_id": "{run}", "path": "/x"}, "Invalid path"),
    ],
    ("GET", "/get-artifact"): [
        ({"run_id": NOBODY, "path": "x"}, "Run with id={nobody} not found"),
        ({"run_id": "{run}", "path": "../x"}, "Invalid path"),
        ({"run_id": "{run}", "path": "nope"}, "No such artifact"),
    ],
    ("POST", "/ajax-api/2.0/mlflow/upload-artifact"): [
        ({}, "Request must specify run_uuid"),
        ({"run_uuid": "{run}"}, "Request must specify path"),
        ({"run_uuid": "{run}", "path": "../x"}, "Invalid path"),
        ({"run_uuid": NOBODY, "path": "x", "DATA": "x"}, "Run with id={nobody} not found"),
    ],
    ("GET", "/api/2.0/mlflow-artifacts/artifacts"): [
        ({"path": "../x"}, "Invalid path"),
    ],
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/..%2Fx"): [
        ({}, "Invalid path"),
    ],
    ("POST", "logged-models"): [
        ({}, "Missing value for required parameter 'experiment_id'"),
        ({"experiment_id": 31}, "Invalid value 31 for parameter 'experiment_id' supplied"),
        ({"experiment_id": "77777"}, "No Experiment with id=77777 exists"),
        ({"experiment_id": "{exp}", "name": "a/b"}, "Invalid model name ('a/b') provided"),
        (
            {"experiment_id": "{gone_exp}", "name": "a"},
            "The experiment {gone_exp} must be in the 'active' state. Current state is deleted",
        ),
    ],
    ("GET", "logged-models/m-nope"): [
        ({}, "Logged model with ID 'm-nope' not found"),
    ],
    ("DELETE", "logged-models/m-nope"): [
        ({}, "Logged model with ID 'm-nope' not found"),
    ],
    ("PATCH", "logged-models/m-nope/tags"): [
        ({"tags": [{"key": "a", "value": "b"}]}, "Logged model with ID 'm-nope' not found"),
    ],
    ("DELETE", "logged-models/m-nope/tags/x"): [
        ({}, "Logged model with ID 'm-nope' not found"),
    ],
    ("DELETE", "logged-models/{model}/tags/nope"): [
        ({}, "No tag with key 'nope' found for model with ID '{model}'"),
    ],
    ("POST", "logged-models/search"): [
        (
            {"experiment_ids": ["{exp}"], "order_by": [{"field_name": "nope"}]},
            "Invalid order by field name: nope",
        ),
        ({}, "Missing value for required parameter 'experiment_ids'"),
        ({"experiment_ids": ["{exp}"], "filter": "nope.x = 'a'"}, "Invalid entity type"),
        (
            {"experiment_ids": ["{exp}"], "max_results": "x"},
            "Invalid value \"x\" for parameter 'max_results' supplied",
        ),
    ],
    ("GET", "logged-models/{model}/artifacts/directories"): [
        ({"artifact_directory_path": "../x"}, "Invalid path"),
    ],
    ("GET", "/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files"): [
        ({"artifact_file_path": "../x"}, "Invalid path"),
    ],
    ("GET", "/api/3.0/mlflow/datasets/d-nope"): [
        ({}, "Evaluation dataset with id 'd-nope' not found"),
    ],
    ("POST", "/api/3.0/mlflow/datasets/{data_set}/records"): [
        (
            {"records": json.dumps([{"inputs": {"q": 1}, "source": NOWHERE}])},
            "Invalid dataset record source type: NOPE.",
        ),
    ],
    ("GET", "/api/3.0/mlflow/scorers/get"): [
        (
            {"experiment_id": "{exp}", "name": "nope"},
            "Scorer with name 'nope' not found for experiment {exp}.",
        ),
        (
            {"experiment_id": "{exp}", "name": "judge", "version": 7},
            "Scorer with name 'judge' and version 7 not found for experiment {exp}.",
        ),
    ],
    ("POST", "/api/3.0/mlflow/traces/search"): [
        (
            {"locations": inside("{exp}"), "filter": "nope = 'x'"},
            "Invalid attribute key 'nope' specified",
        ),
        (
            {"locations": inside("{exp}"), "max_results": "x"},
            "Invalid value \"x\" for parameter 'max_results' supplied",
        ),
        (
            {"locations": inside("{exp}"), "order_by": ["nope"]},
            "Invalid attribute key 'nope' specified",
        ),
    ],
    ("GET", "/api/3.0/mlflow/traces/tr-nope"): [
        ({}, "Trace with ID 'tr-nope' not found"),
    ],
    ("PATCH", "/api/3.0/mlflow/traces/tr-nope/tags"): [
        ({"key": 31, "value": 31}, "Invalid value 31 for parameter 'key' supplied"),
        ({"value": "b"}, "Missing value for required parameter 'key'"),
    ],
    ("POST", "/api/3.0/mlflow/traces/tr-nope/assessments"): [
        (
            {
                "assessment": {
                    "assessment_name": "x",
                    "trace_id": "tr-nope",
                    "source": {"source_type": "HUMAN", "source_id": "x"},
                    "feedback": {"value": 1},
                }
            },
            "Trace with ID 'tr-nope' not found",
        ),
    ],
    ("POST", "traces/delete-traces"): [
        (
            {"experiment_id": "{exp}"},
            "Either `max_timestamp_millis` or `trace_ids` must be specified",
        ),
        ({}, "Missing value for required parameter 'experiment_id'"),
    ],
    ("GET", "/ajax-api/2.0/mlflow/get-trace-artifact"): [
        ({"request_id": "tr-nope"}, "Trace with ID"),
    ],
}
