"""What MLflow's model registry says of faults: the table for ``pegboard_wire.sentences``.

Facts, not code, of MLflow 3.17. Its 2.17 says the same but for the hint behind a wrong field.
"""

from __future__ import annotations

from types import MappingProxyType

from pegboard_wire.sentences import Sentences

REGISTRY: Sentences = MappingProxyType(
    {
        "bad_alias": "Invalid alias name: {alias!r}.",
        "bad_registered_name": "Invalid model name {name!r}. Names cannot contain '/' or ':'.",
        "bad_version": "Parameter 'version' must be an integer, got {version!r}.",
        "bad_webhook_event": "Invalid action {action!r} for entity {entity!r}.",
        "bad_webhook_name": "Webhook name {name!r} is invalid.",
        "bad_webhook_scheme": "Invalid webhook URL scheme: {scheme!r}.",
        "bad_webhook_url": "Invalid webhook URL {url!r}.",
        "latest_alias": "'latest' alias name (case insensitive) is reserved.",
        "local_source": "Invalid model version source: {source!r}. To use a local path as a model "
        "version source, the run_id request parameter has to be specified and the local path has "
        "to be contained within the artifact directory of the run specified by the run_id.",
        "long_alias": "'Registered model alias name' exceeds the maximum length of {limit} "
        "characters.",
        "no_alias": "Registered model alias {alias} not found.",
        "no_registered_model": "Registered Model with name={name} not found.",
        "no_stage": "Invalid Model Version stage: {stage}. Value must be one of {stages}.",
        "no_version": "Model Version (name={name}, version={version}) not found.",
        "no_webhook": "Webhook with ID {webhook_id} not found.",
        "private_webhook": "Webhook URL must not resolve to a non-public IP address.",
        "registered_name_taken": "Registered Model (name={name}) already exists.",
        "reserved_alias": "Version alias name {alias!r} is reserved.",
        "source_refused": "Invalid model version source: {source!r}.",
    }
)
