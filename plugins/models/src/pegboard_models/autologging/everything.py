"""``pegboard.autolog``: every autologger that is installed, for libraries as they are imported."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pegboard.targets import resolve

from pegboard_models.autologging import imports, state
from pegboard_models.autologging.integration import chosen, logger

if TYPE_CHECKING:
    from pegboard.hookspecs import Autologger

_lock = threading.RLock()
_waits: dict[str, imports.Wait] = {}


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    log_traces: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    extra_tags: Mapping[str, str] | None = None,
    exclude_flavors: Sequence[str] | None = None,
) -> None:
    """Log by itself what is trained with any library that an installed autologger knows.

    It holds for libraries that are imported already and for those imported later. An autologger
    that was configured by itself, as with ``pegboard.sklearn.autolog``, stays as it is, unless
    ``disable`` is given. ``exclude_flavors`` names those to leave alone.
    ``pegboard_models.autologging.Switches`` explains the others; ``log_traces`` is for autologgers
    of calls to language models.
    """
    from pegboard import host

    switches = {
        "log_input_examples": log_input_examples,
        "log_model_signatures": log_model_signatures,
        "log_models": log_models,
        "log_datasets": log_datasets,
        "log_traces": log_traces,
        "disable": disable,
        "exclusive": exclusive,
        "disable_for_unsupported_versions": disable_for_unsupported_versions,
        "silent": silent,
        "extra_tags": extra_tags,
    }
    with _lock:
        for autologger in host.current().declared("autologger").values():
            if autologger.name in (exclude_flavors or ()):
                continue
            if wait := _waits.pop(autologger.name, None):
                imports.forget(wait)
            _waits[autologger.name] = imports.when_imported(
                autologger.library, _enabling(autologger, switches)
            )
            if disable:
                imports.forget(_waits.pop(autologger.name))


def _enabling(autologger: Autologger, switches: Mapping[str, Any]) -> imports.Action:
    def enable(library: ModuleType) -> None:
        del library
        if autologger.name in chosen and not switches["disable"]:
            return
        state.here.configuring_all = True
        try:
            call(resolve(autologger.target), switches)
        except Exception as error:
            # A broken autologger must not make an import, or other autologgers, fail.
            if not switches["silent"]:
                logger.warning(
                    "Autologging of %s could not be switched on: %s: %s",
                    autologger.name,
                    type(error).__name__,
                    error,
                )
        finally:
            state.here.configuring_all = False

    return enable


def call(function: Callable[..., None], switches: Mapping[str, Any]) -> None:
    """Call a library's own ``autolog`` with those switches that it has; all, if it has ``**``."""
    known = inspect.signature(function).parameters
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())
    function(**{name: value for name, value in switches.items() if takes_all or name in known})
