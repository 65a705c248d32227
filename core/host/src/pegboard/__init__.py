"""pegboard: a small plugin host for the machine-learning lifecycle.

The functions here track experiments under MLflow's names, so that a script written for MLflow runs
with ``import pegboard as mlflow``::

    import pegboard

    with pegboard.start_run(run_name="first"):
        pegboard.log_param("lr", 0.1)
        pegboard.log_metric("loss", 0.5, step=1)

    pegboard.search_runs("metrics.loss < 1", output_format="list")

Nothing is imported before it is used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder

TYPE_CHECKING = False
"""What type checkers take for true; importing ``typing`` for it would double our import time."""

if TYPE_CHECKING:
    from typing import Any

    from pegboard_scripting import artifacts, client, data, tracking
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

    from pegboard import entities as entities
    from pegboard import errors as errors
    from pegboard import exceptions as exceptions
    from pegboard.errors import PegboardError as PegboardError
    from pegboard.exceptions import MlflowException as MlflowException

    __version__: str

_NAMES = {
    "client": "Client MlflowClient",
    "client.images": "Image",
    "client.location": "get_registry_uri get_tracking_uri is_tracking_uri_set set_registry_uri "
    "set_tracking_uri",
    "client.operations": "RunOperations",
    "errors": "PegboardError",
    "exceptions": "MlflowException",
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
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
"""The public names, and the modules they are imported from on first use."""

_MODULES = {"artifacts", "client", "data", "entities", "errors", "exceptions", "tracking"}
"""Modules that can be used as attributes without being imported by name."""

__all__ = sorted(_HOME.keys() | _MODULES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use; later uses find it here at once."""
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{name}")
    elif name == "__version__":
        from importlib.metadata import version

        value = version(__name__)
    elif name.startswith("_") or PathFinder.find_spec(f"{__name__}.{name}", __path__):
        # ``from pegboard import MODULE`` asks here first, then imports it by itself.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        value = _of_plugins(name)
    globals()[name] = value
    return value


def _of_plugins(name: str) -> Any:
    """Return what a plugin adds to this package; not kept, as another host may know another."""
    found = import_module(f"{__name__}.host").current()
    try:
        return found.api_name(name)
    except LookupError:
        raise AttributeError(found.explain_missing(name)) from None


class _PluginModules:
    """Lets ``import pegboard.NAME`` find what plugins add, after everything else was asked."""

    @staticmethod
    def find_spec(name: str, *_: object) -> Any:
        if not name.startswith(f"{__name__}."):
            return None
        return import_module(f"{__name__}.plugin_modules").find_spec(name)


sys.meta_path.append(_PluginModules)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
