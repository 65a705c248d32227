"""The names that scripts use, as attributes of ``pegboard``.

For type checkers and editors they stand here one by one; at run time this is a table, from which
they are imported on first use.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from pegboard_scripting import artifacts as artifacts
    from pegboard_scripting import client as client
    from pegboard_scripting import data as data
    from pegboard_scripting import tracking as tracking
    from pegboard_scripting.client import Client as Client
    from pegboard_scripting.client import MlflowClient as MlflowClient
    from pegboard_scripting.client.images import Image as Image
    from pegboard_scripting.client.location import get_registry_uri as get_registry_uri
    from pegboard_scripting.client.location import get_tracking_uri as get_tracking_uri
    from pegboard_scripting.client.location import is_tracking_uri_set as is_tracking_uri_set
    from pegboard_scripting.client.location import set_registry_uri as set_registry_uri
    from pegboard_scripting.client.location import set_tracking_uri as set_tracking_uri
    from pegboard_scripting.client.operations import RunOperations as RunOperations
    from pegboard_scripting.fluent.experiments import create_experiment as create_experiment
    from pegboard_scripting.fluent.experiments import delete_experiment as delete_experiment
    from pegboard_scripting.fluent.experiments import delete_experiment_tag as delete_experiment_tag
    from pegboard_scripting.fluent.experiments import get_experiment as get_experiment
    from pegboard_scripting.fluent.experiments import (
        get_experiment_by_name as get_experiment_by_name,
    )
    from pegboard_scripting.fluent.experiments import restore_experiment as restore_experiment
    from pegboard_scripting.fluent.experiments import search_experiments as search_experiments
    from pegboard_scripting.fluent.experiments import set_experiment as set_experiment
    from pegboard_scripting.fluent.experiments import set_experiment_tag as set_experiment_tag
    from pegboard_scripting.fluent.experiments import set_experiment_tags as set_experiment_tags
    from pegboard_scripting.fluent.logging import delete_tag as delete_tag
    from pegboard_scripting.fluent.logging import (
        flush_artifact_async_logging as flush_artifact_async_logging,
    )
    from pegboard_scripting.fluent.logging import flush_async_logging as flush_async_logging
    from pegboard_scripting.fluent.logging import get_artifact_uri as get_artifact_uri
    from pegboard_scripting.fluent.logging import load_table as load_table
    from pegboard_scripting.fluent.logging import log_artifact as log_artifact
    from pegboard_scripting.fluent.logging import log_artifacts as log_artifacts
    from pegboard_scripting.fluent.logging import log_dict as log_dict
    from pegboard_scripting.fluent.logging import log_figure as log_figure
    from pegboard_scripting.fluent.logging import log_image as log_image
    from pegboard_scripting.fluent.logging import log_input as log_input
    from pegboard_scripting.fluent.logging import log_inputs as log_inputs
    from pegboard_scripting.fluent.logging import log_metric as log_metric
    from pegboard_scripting.fluent.logging import log_metrics as log_metrics
    from pegboard_scripting.fluent.logging import log_param as log_param
    from pegboard_scripting.fluent.logging import log_params as log_params
    from pegboard_scripting.fluent.logging import log_stream as log_stream
    from pegboard_scripting.fluent.logging import log_table as log_table
    from pegboard_scripting.fluent.logging import log_text as log_text
    from pegboard_scripting.fluent.logging import set_tag as set_tag
    from pegboard_scripting.fluent.logging import set_tags as set_tags
    from pegboard_scripting.fluent.models import ActiveModel as ActiveModel
    from pegboard_scripting.fluent.models import clear_active_model as clear_active_model
    from pegboard_scripting.fluent.models import create_external_model as create_external_model
    from pegboard_scripting.fluent.models import delete_logged_model_tag as delete_logged_model_tag
    from pegboard_scripting.fluent.models import finalize_logged_model as finalize_logged_model
    from pegboard_scripting.fluent.models import get_active_model_id as get_active_model_id
    from pegboard_scripting.fluent.models import get_logged_model as get_logged_model
    from pegboard_scripting.fluent.models import initialize_logged_model as initialize_logged_model
    from pegboard_scripting.fluent.models import last_logged_model as last_logged_model
    from pegboard_scripting.fluent.models import log_model_params as log_model_params
    from pegboard_scripting.fluent.models import log_outputs as log_outputs
    from pegboard_scripting.fluent.models import search_logged_models as search_logged_models
    from pegboard_scripting.fluent.models import set_active_model as set_active_model
    from pegboard_scripting.fluent.models import set_logged_model_tags as set_logged_model_tags
    from pegboard_scripting.fluent.registry import register_model as register_model
    from pegboard_scripting.fluent.registry import search_model_versions as search_model_versions
    from pegboard_scripting.fluent.registry import (
        search_registered_models as search_registered_models,
    )
    from pegboard_scripting.fluent.registry import set_model_version_tag as set_model_version_tag
    from pegboard_scripting.fluent.runs import ActiveRun as ActiveRun
    from pegboard_scripting.fluent.runs import active_run as active_run
    from pegboard_scripting.fluent.runs import delete_run as delete_run
    from pegboard_scripting.fluent.runs import end_run as end_run
    from pegboard_scripting.fluent.runs import get_parent_run as get_parent_run
    from pegboard_scripting.fluent.runs import get_run as get_run
    from pegboard_scripting.fluent.runs import last_active_run as last_active_run
    from pegboard_scripting.fluent.runs import restore_run as restore_run
    from pegboard_scripting.fluent.runs import start_run as start_run
    from pegboard_scripting.fluent.search import search_runs as search_runs
    from pegboard_scripting.fluent.system_metrics import (
        disable_system_metrics_logging as disable_system_metrics_logging,
    )
    from pegboard_scripting.fluent.system_metrics import (
        enable_system_metrics_logging as enable_system_metrics_logging,
    )
    from pegboard_scripting.fluent.system_metrics import (
        set_system_metrics_node_id as set_system_metrics_node_id,
    )
    from pegboard_scripting.fluent.system_metrics import (
        set_system_metrics_samples_before_logging as set_system_metrics_samples_before_logging,
    )
    from pegboard_scripting.fluent.system_metrics import (
        set_system_metrics_sampling_interval as set_system_metrics_sampling_interval,
    )

_NAMES: dict[str, str] = {
    "client": "Client MlflowClient",
    "client.images": "Image",
    "client.location": "get_registry_uri get_tracking_uri is_tracking_uri_set set_registry_uri "
    "set_tracking_uri",
    "client.operations": "RunOperations",
    "fluent.experiments": "create_experiment delete_experiment delete_experiment_tag "
    "get_experiment get_experiment_by_name restore_experiment search_experiments set_experiment "
    "set_experiment_tag set_experiment_tags",
    "fluent.logging": "delete_tag flush_artifact_async_logging flush_async_logging "
    "get_artifact_uri load_table log_artifact log_artifacts log_dict log_figure log_image "
    "log_input log_inputs log_metric log_metrics log_param log_params log_stream log_table "
    "log_text set_tag set_tags",
    "fluent.models": "ActiveModel clear_active_model create_external_model "
    "delete_logged_model_tag finalize_logged_model get_active_model_id get_logged_model "
    "initialize_logged_model last_logged_model log_model_params log_outputs search_logged_models "
    "set_active_model set_logged_model_tags",
    "fluent.registry": "register_model search_model_versions search_registered_models "
    "set_model_version_tag",
    "fluent.runs": "ActiveRun active_run delete_run end_run get_parent_run get_run "
    "last_active_run restore_run start_run",
    "fluent.search": "search_runs",
    "fluent.system_metrics": "disable_system_metrics_logging enable_system_metrics_logging "
    "set_system_metrics_node_id set_system_metrics_samples_before_logging "
    "set_system_metrics_sampling_interval",
}

_PACKAGE = "pegboard_scripting"
_MODULES = ("artifacts", "client", "data", "tracking")

TARGETS = {name: f"{_PACKAGE}.{name}" for name in _MODULES} | {
    name: f"{_PACKAGE}.{module}:{name}"
    for module, names in _NAMES.items()
    for name in names.split()
}
"""Where each name is: a module, or an attribute of one."""
