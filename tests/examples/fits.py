"""A plugin with one autologger: it logs the polynomials that NumPy fits."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from types import ModuleType
from typing import Any

from pegboard.hookspecs import Autologger, hookimpl
from pegboard_models import autologging
from pegboard_models.autologging import Call, Integration, Switches, state
from pegboard_models.autologging.arguments import arguments

INTEGRATION = Integration("polynomial", "numpy", ("1.26", "2.9"))


def autolog(
    log_models: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log by itself what ``numpy.polynomial.polynomial.polyfit`` fits."""
    switches = Switches(
        log_models=log_models,
        disable=disable,
        exclusive=exclusive,
        silent=silent,
        registered_model_name=registered_model_name,
        extra_tags=extra_tags,
    )
    INTEGRATION.enable(switches, _install)


def _install() -> None:
    INTEGRATION.watch_imports("numpy.polynomial.polynomial", _patch)


def _patch(module: ModuleType) -> None:
    INTEGRATION.observe_function(module, "polyfit", _log_fit)


def _log_fit(call: Call) -> Generator[None, Any, None]:
    if not state.would_log(call.function):
        return
    with state.session(call.function), autologging.training_run(INTEGRATION) as run:
        if run is None:
            yield
            return
        given = arguments(call)
        with INTEGRATION.guard("logging the parameters"):
            run.params({"deg": given["deg"], "points": len(given["x"])})
        with autologging.pending_model(INTEGRATION, run, "model") as model_id:
            fitted = yield
            _log_result(run, given, fitted, model_id)


def _log_result(
    run: autologging.RunLog, given: Mapping[str, Any], fitted: Any, model_id: str | None
) -> None:
    from numpy.polynomial import Polynomial

    model = Polynomial(fitted[0] if given.get("full") else fitted)
    with INTEGRATION.guard("computing the error"):
        errors = [model(x) - y for x, y in zip(given["x"], given["y"], strict=True)]
        run.metrics({"max_error": max(map(abs, errors))}, model_id=model_id)
    if model_id is not None:
        autologging.log_trained_model(
            INTEGRATION,
            run,
            model,
            name="model",
            rows=autologging.first_rows(given["x"]),
            predict=model,
            params={"deg": given["deg"]},
            options={},
            model_id=model_id,
        )


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare the autologger, which is asked once NumPy is imported."""
    return [
        Autologger("polynomial", "numpy", f"{__name__}:autolog", "NumPy's fits of polynomials.")
    ]
