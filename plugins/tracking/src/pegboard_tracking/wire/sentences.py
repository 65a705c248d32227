"""What MLflow's tracking server says of faults: the table for ``pegboard_wire.sentences``.

Facts, not code, of MLflow 3.17. Its 2.17 says the same but for the hint behind a wrong field.
"""

from __future__ import annotations

from types import MappingProxyType

from pegboard_wire.sentences import Sentences

TRACKING: Sentences = MappingProxyType(
    {
        "bad_media_type": "Invalid Content-Type: {media_type}.",
        "bad_model_json": "Malformed model info. {text} is not a valid JSON.",
        "bad_model_name": "Invalid model name ({name!r}) provided.",
        "bad_source_type": "Invalid dataset record source type: {source_type}.",
        "experiment_deleted": "The experiment {experiment_id} must be in the 'active' state. "
        "Current state is deleted.",
        "experiment_is": "No Experiment with id={experiment_id} exists.",
        "half_range": "If either start step or end step are specified, both must be specified.",
        "inverted_range": "end_step must be greater than start_step. Found start_step={first} and "
        "end_step={last}.",
        "location_with_fragment": "'artifact_location' URL can't include fragments or params.",
        "long_batch": "A batch logging request can contain at most {limit} {what}. Got {count} "
        "{what}. Please split up {what} across multiple requests and try again.",
        "name_taken": "Experiment(name={name}) already exists.",
        "no_artifact": "No such artifact: {path!r}.",
        "no_data_set": "Evaluation dataset with id {data_set_id!r} not found.",
        "no_experiment": "No Experiment with id={experiment_id} exists.",
        "no_experiment_of_name": "Could not find experiment with name {name!r}.",
        "no_experiment_tag": "No tag with name: {key} in experiment with id {owner_id}.",
        "no_logged_model_tag": "No tag with key {key!r} found for model with ID {owner_id!r}.",
        "no_model": "Logged model with ID {model_id!r} not found.",
        "no_order_field": "Invalid order by field name: {name}.",
        "no_run": "Run with id={run_id} not found.",
        "no_run_tag": "No tag with name: {key} in run with id {owner_id}.",
        "no_scorer": "Scorer with name {name!r} not found for experiment {experiment_id}.",
        "no_scorer_version": "Scorer with name {name!r} and version {version} not found for "
        "experiment {experiment_id}.",
        "no_spans": "Invalid OpenTelemetry format - no spans found.",
        "no_trace": "Trace with ID {trace_id!r} not found.",
        "no_trace_tag": "No trace tag with key {key!r} for trace with ID {owner_id!r}.",
        "nothing_to_delete": "Either `max_timestamp_millis` or `trace_ids` must be specified.",
        "param_set": "Changing param values is not allowed. Param with key={key!r} was already "
        "logged with value={old!r} for run ID={run_id!r}. Attempted logging new value {new!r}.",
        "repeated_param": "Duplicate parameter keys have been submitted: [{key!r}]. Please ensure "
        "the request contains only one param value per param key.",
        "run_deleted": "The run {run_id} must be in the 'active' state. Current state is deleted.",
        "short_model_json": "Model json is missing mandatory fields: {{{lacking}}}.",
        "two_names": "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
        "different values (run_name={name!r}, mlflow.runName={tag!r}).",
    }
)


UPLOAD: Sentences = {"missing_field": "Request must specify {field}."}


def many(request: str, item: str) -> Sentences:
    """Return the sentences of a request that has to name at least one item, and not too many."""
    return {
        "no_items": f"{request} request must specify at least one {item}.",
        "many_items": f"{request} request cannot specify more than {{limit}} {item}s. "
        f"Received {{count}} {item}s.",
    }
