"""Logging what was trained, with the signature that the training data shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pegboard.entities.logged_models import LoggedModelStatus
from pegboard_scripting.fluent.models import initialize_logged_model

if TYPE_CHECKING:
    from pegboard_models.autologging.integration import Integration
    from pegboard_models.autologging.runs import RunLog

ROWS = 5
"""How many rows an example has."""


def first_rows(data: Any) -> Any:
    """Return a copy of the first rows of a table or array; None if it has none to take."""
    if data is None or isinstance(data, (str, bytes)):
        return None
    return deepcopy(data[:ROWS])


@contextmanager
def pending_model(integration: Integration, run: RunLog, name: str) -> Iterator[str | None]:
    """Have a logged model that metrics can be of before it is there, and yield its id.

    None if models are not logged. It is FAILED if an exception passes through.
    """
    model_id = None
    if integration.switches.log_models:
        with integration.guard("making a logged model"):
            made = initialize_logged_model(
                name, source_run_id=run.run_id, experiment_id=run.experiment_id
            )
            model_id = made.model_id
    try:
        yield model_id
    except BaseException:
        if model_id is not None:
            with integration.guard("ending the logged model"):
                run.client.finalize_logged_model(model_id, LoggedModelStatus.FAILED)
        raise


def log_trained_model(
    integration: Integration,
    run: RunLog,
    model: Any,
    *,
    name: str,
    rows: Any,
    predict: Callable[[Any], Any] | None,
    params: Mapping[str, Any],
    options: Mapping[str, Any],
    register: bool = True,
    model_id: str | None = None,
) -> str | None:
    """Log a model as the switches say and return its id; None if it failed, with a warning.

    ``rows`` is an example of what it takes, ``predict`` what it answers to that; both may be None.
    ``model_id`` is a logged model that was made for it before.
    """
    from pegboard_models.saving import log_model

    switches = integration.switches
    signature = None
    if switches.log_model_signatures and rows is not None and predict is not None:
        with integration.guard("inferring the signature"):
            from pegboard_models.signature import infer_signature

            signature = infer_signature(rows, predict(deepcopy(rows)))
    texts = {str(key): str(value) for key, value in params.items()}
    with integration.guard("logging the model"):
        if model_id is not None:
            run.client.log_model_params(model_id, texts)
        info = log_model(
            integration.name,
            model,
            name=name,
            run_id=run.run_id,
            # With none, one would be inferred from the example.
            signature=False if signature is None else signature,
            input_example=rows if switches.log_input_examples else None,
            registered_model_name=switches.registered_model_name if register else None,
            params=texts,
            model_id=model_id,
            options=options,
        )
        return str(info.model_id)
    return None
