"""What MLflow's clients look for in errors about registered models and webhooks."""

from __future__ import annotations

from wording.world import EVENTS, NOBODY, Faults

FAULTS: Faults = {
    ("GET", "/model-versions/get-artifact"): [
        ({"name": "m-{n}", "version": "1", "path": "../x"}, "Invalid path"),
        ({"version": "1", "path": "x"}, "Missing value for required parameter 'name'"),
    ],
    ("POST", "registered-models/create"): [
        ({"name": "m-{n}"}, "Registered Model (name=m-{n}) already exists"),
        ({}, "Missing value for required parameter 'name'"),
        ({"name": 31}, "Invalid value 31 for parameter 'name' supplied"),
        ({"name": "a/b"}, "Invalid model name 'a/b'. Names cannot contain '/' or ':'"),
        ({"name": "a:b"}, "Invalid model name 'a:b'. Names cannot contain '/' or ':'"),
        ({"name": "x-{n}", "tags": 5}, "Invalid value 5 for parameter 'tags' supplied"),
        (
            {"name": "x-{n}", "description": 5},
            "Invalid value 5 for parameter 'description' supplied",
        ),
        (
            {"name": "y-{n}", "tags": [{"key": "a?b", "value": "x"}]},
            "Invalid value \"a?b\" for parameter 'key' supplied: Names may only",
        ),
        (
            {"name": "y-{n}", "tags": [{"key": "k" * 251, "value": "x"}]},
            "'key' exceeds the maximum length of 250 characters",
        ),
    ],
    ("GET", "registered-models/get"): [
        ({}, "Missing value for required parameter 'name'"),
        ({"name": "nope"}, "Registered Model with name=nope not found"),
    ],
    ("PATCH", "registered-models/update"): [
        ({"name": "nope", "description": "x"}, "Registered Model with name=nope not found"),
        ({"name": 31, "description": 31}, "Invalid value 31 for parameter 'name' supplied"),
    ],
    ("POST", "registered-models/rename"): [
        ({"name": "m-{n}"}, "Missing value for required parameter 'new_name'"),
        ({"name": 31, "new_name": 31}, "Invalid value 31 for parameter 'name' supplied"),
        ({"name": "nope", "new_name": "x"}, "Registered Model with name=nope not found"),
        (
            {"name": "m-{n}", "new_name": "a/b"},
            "Invalid model name 'a/b'. Names cannot contain '/' or ':'",
        ),
    ],
    ("DELETE", "registered-models/delete"): [
        ({"name": "nope"}, "Registered Model with name=nope not found"),
    ],
    ("GET", "registered-models/search"): [
        ({"max_results": "x"}, "Invalid value \"x\" for parameter 'max_results' supplied"),
        ({"max_results": "1001"}, "Invalid value \"1001\" for parameter 'max_results' supplied"),
        ({"filter": "nope = 'x'"}, "Invalid attribute key 'nope' specified"),
        ({"filter": "name = x"}, "Parameter value is either not quoted"),
        ({"order_by": "name BLAH"}, "Invalid ordering key in order_by clause 'name BLAH'"),
        ({"page_token": "nope"}, "Invalid page token"),
    ],
    ("POST", "registered-models/get-latest-versions"): [
        ({"name": "nope"}, "Registered Model with name=nope not found"),
        ({}, "Missing value for required parameter 'name'"),
        (
            {"name": "m-{n}", "stages": ["Nope"]},
            "Invalid Model Version stage: Nope. Value must be one of",
        ),
        ({"name": "m-{n}", "stages": 5}, "Invalid value 5 for parameter 'stages' supplied"),
    ],
    ("POST", "registered-models/set-tag"): [
        ({"name": 31, "key": 31, "value": 31}, "Invalid value 31 for parameter 'name' supplied"),
        ({"name": "m-{n}", "value": "x"}, "Missing value for required parameter 'key'"),
        (
            {"name": "m-{n}", "key": "k", "value": 31},
            "Invalid value 31 for parameter 'value' supplied",
        ),
        ({"name": "nope", "key": "k", "value": "v"}, "Registered Model with name=nope not found"),
        (
            {"name": "m-{n}", "key": "a?b", "value": "v"},
            "Invalid value \"a?b\" for parameter 'key' supplied: Names may only",
        ),
        (
            {"name": "m-{n}", "key": "k" * 251, "value": "v"},
            "'key' exceeds the maximum length of 250 characters",
        ),
        (
            {"name": "m-{n}", "key": "k", "value": "v" * 100001},
            "'value' exceeds the maximum length of 100000 characters",
        ),
    ],
    ("DELETE", "registered-models/delete-tag"): [
        ({"name": "nope", "key": "k"}, "Registered Model with name=nope not found"),
        ({"name": 31, "key": 31}, "Invalid value 31 for parameter 'name' supplied"),
        ({"name": "m-{n}"}, "Missing value for required parameter 'key'"),
    ],
    ("GET", "registered-models/alias"): [
        ({"name": "m-{n}", "alias": "nope"}, "Registered model alias nope not found"),
        ({"name": "nope", "alias": "nope"}, "Registered Model with name=nope not found"),
        ({"name": "nope"}, "Missing value for required parameter 'alias'"),
    ],
    ("POST", "registered-models/alias"): [
        (
            {"name": "m-{n}", "alias": "ok", "version": "99"},
            "Model Version (name=m-{n}, version=99) not found",
        ),
        (
            {"name": "m-{n}", "alias": "latest", "version": "1"},
            "'latest' alias name (case insensitive) is reserved",
        ),
        ({"name": "m-{n}", "alias": "v1", "version": "1"}, "Version alias name 'v1' is reserved"),
        ({"name": "m-{n}", "alias": "a b", "version": "1"}, "Invalid alias name: 'a b'"),
        (
            {"name": "m-{n}", "alias": "a" * 256, "version": "1"},
            "'Registered model alias name' exceeds the maximum length of 255 characters",
        ),
        (
            {"name": 31, "alias": 31, "version": 31},
            "Invalid value 31 for parameter 'name' supplied",
        ),
        ({"name": "m-{n}"}, "Missing value for required parameter 'alias'"),
    ],
    ("DELETE", "registered-models/alias"): [
        ({"name": "nope", "alias": "x"}, "Registered Model with name=nope not found"),
    ],
    ("POST", "model-versions/create"): [
        ({}, "Missing value for required parameter 'name'"),
        ({"name": 31, "source": 31}, "Invalid value 31 for parameter 'name' supplied"),
        ({"name": "m-{n}"}, "Missing value for required parameter 'source'"),
        ({"name": "m-{n}", "source": 31}, "Invalid value 31 for parameter 'source' supplied"),
        (
            {"name": "m-{n}", "source": "s3://b/c", "run_id": 31},
            "Invalid value 31 for parameter 'run_id' supplied",
        ),
        (
            {"name": "m-{n}", "source": "s3://b/c", "tags": 5},
            "Invalid value 5 for parameter 'tags' supplied",
        ),
        (
            {"name": "m-{n}", "source": "s3://b/c", "run_link": 5},
            "Invalid value 5 for parameter 'run_link' supplied",
        ),
        (
            {"name": "m-{n}", "source": "s3://b/c", "description": 5},
            "Invalid value 5 for parameter 'description' supplied",
        ),
        ({"name": "nope", "source": "s3://b/c"}, "Registered Model with name=nope not found"),
        (
            {"name": "m-{n}", "source": "/tmp/x"},
            "Invalid model version source: '/tmp/x'. To use a local path as a model version",
        ),
        (
            {"name": "m-{n}", "source": "file:///tmp/x"},
            "Invalid model version source: 'file:///tmp/x'. To use a local path as a model version",
        ),
        (
            {"name": "m-{n}", "source": "/tmp/x", "run_id": "{run}"},
            "Invalid model version source: '/tmp/x'. To use a local path as a model version",
        ),
        (
            {"name": "m-{n}", "source": "/tmp/x", "run_id": NOBODY},
            "Invalid model version source: '/tmp/x'. T",
        ),
        (
            {"name": "m-{n}", "source": "../x"},
            "Invalid model version source: '../x'. To use a local path as a model version",
        ),
        ({"name": "m-{n}", "source": "s3://b/../c"}, "Invalid model version source: 's3://b/../c'"),
        (
            {"name": "m-{n}", "source": "mlflow-artifacts:/../../c"},
            "Invalid model version source: 'mlflow-artifacts:/../../c'",
        ),
        (
            {"name": "m-{n}", "source": "models:/nope/1"},
            "Registered Model with name=nope not found",
        ),
    ],
    ("GET", "model-versions/get"): [
        ({"name": "m-{n}", "version": "99"}, "Model Version (name=m-{n}, version=99) not found"),
        ({"name": "m-{n}", "version": "x"}, "Parameter 'version' must be an integer, got 'x'"),
        ({"name": "m-{n}"}, "Missing value for required parameter 'version'"),
        ({"version": "1"}, "Missing value for required parameter 'name'"),
    ],
    ("PATCH", "model-versions/update"): [
        (
            {"name": "m-{n}", "version": "99", "description": "x"},
            "Model Version (name=m-{n}, version=99) not found",
        ),
        (
            {"name": "m-{n}", "version": "1", "description": 31},
            "Invalid value 31 for parameter 'description' supplied",
        ),
        (
            {"name": 31, "version": 31, "description": 31},
            "Invalid value 31 for parameter 'name' supplied",
        ),
    ],
    ("POST", "model-versions/transition-stage"): [
        (
            {"name": "m-{n}", "version": "1", "stage": "Nope"},
            "Invalid Model Version stage: Nope. Value must be one of",
        ),
        ({"name": "m-{n}", "version": "1"}, "Missing value for required parameter 'stage'"),
        (
            {"name": "m-{n}", "version": "1", "stage": 5},
            "Invalid value 5 for parameter 'stage' supplied",
        ),
        (
            {"name": "m-{n}", "version": "99", "stage": "Staging"},
            "Model Version (name=m-{n}, version=99) not found",
        ),
        (
            {"name": "m-{n}", "version": "1", "stage": "Staging", "archive_existing_versions": "x"},
            "Invalid value \"x\" for parameter 'archive_existing_versions' supplied",
        ),
    ],
    ("DELETE", "model-versions/delete"): [
        ({"name": "m-{n}", "version": "99"}, "Model Version (name=m-{n}, version=99) not found"),
    ],
    ("GET", "model-versions/search"): [
        ({"max_results": "x"}, "Invalid value \"x\" for parameter 'max_results' supplied"),
        ({"max_results": "0"}, "Invalid value"),
        (
            {"max_results": "200001"},
            "Invalid value \"200001\" for parameter 'max_results' supplied",
        ),
        ({"filter": "nope = 'x'"}, "Invalid attribute key 'nope' specified"),
        ({"order_by": "nope"}, "Invalid attribute key 'nope' specified"),
    ],
    ("GET", "model-versions/get-download-uri"): [
        ({"name": "m-{n}", "version": "99"}, "Model Version (name=m-{n}, version=99) not found"),
    ],
    ("POST", "model-versions/set-tag"): [
        (
            {"name": "m-{n}", "version": "99", "key": "k", "value": "v"},
            "Model Version (name=m-{n}, version=99) not found",
        ),
        (
            {"name": "m-{n}", "version": "1", "key": 31, "value": 31},
            "Invalid value 31 for parameter 'key' supplied",
        ),
        (
            {"name": "m-{n}", "version": "1", "key": "k", "value": 31},
            "Invalid value 31 for parameter 'value' supplied",
        ),
        (
            {"name": "m-{n}", "version": "1", "key": "k" * 251, "value": "v"},
            "'key' exceeds the maximum length of 250 characters",
        ),
    ],
    ("DELETE", "model-versions/delete-tag"): [
        (
            {"name": "m-{n}", "version": "99", "key": "k"},
            "Model Version (name=m-{n}, version=99) not found",
        ),
    ],
    ("POST", "webhooks"): [
        ({}, "Missing value for required parameter 'name'"),
        (
            {"name": 31, "url": "https://example.com/x", "events": EVENTS},
            "Invalid value 31 for parameter 'name' supplied",
        ),
        ({"name": "w", "events": EVENTS}, "Missing value for required parameter 'url'"),
        (
            {"name": "w", "url": "https://example.com/x"},
            "Missing value for required parameter 'events'",
        ),
        (
            {"name": "w w", "url": "https://example.com/x", "events": EVENTS},
            "Webhook name 'w w' is invalid",
        ),
        (
            {"name": "-w", "url": "https://example.com/x", "events": EVENTS},
            "Webhook name '-w' is invalid",
        ),
        (
            {"name": "w" * 64, "url": "https://example.com/x", "events": EVENTS},
            "Webhook name 'w",
        ),
        (
            {"name": "w", "url": "ftp://example.com/x", "events": EVENTS},
            "Invalid webhook URL scheme: 'ftp'",
        ),
        ({"name": "w", "url": "https://[x", "events": EVENTS}, "Invalid webhook URL 'https://[x'"),
        (
            {
                "name": "w",
                "url": "https://example.com/x",
                "events": [{"entity": "REGISTERED_MODEL", "action": "SET"}],
            },
            "Invalid action 'set' for entity 'registered_model'",
        ),
    ],
    ("GET", "webhooks"): [
        ({"max_results": "x"}, "Invalid value \"x\" for parameter 'max_results' supplied"),
        ({"max_results": "10001"}, "max_results must be between 1 and 1000"),
        ({"page_token": "nope"}, "Invalid page token"),
    ],
    ("GET", "webhooks/nope"): [
        ({}, "Webhook with ID nope not found"),
    ],
    ("PATCH", "webhooks/nope"): [
        ({"name": "w"}, "Webhook with ID nope not found"),
    ],
    ("DELETE", "webhooks/nope"): [
        ({}, "Webhook with ID nope not found"),
    ],
    ("POST", "webhooks/nope/test"): [
        ({}, "Webhook with ID nope not found"),
    ],
}
