"""Endpoints that are imported when they are asked for: a server starts with their paths alone.

To import what answers hundreds of endpoints takes longer than all else that a server does before
its first answer, and most processes answer a few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from attrs import evolve, field, frozen
from pegboard import plugin_calls, targets
from pegboard.errors import PluginError

from pegboard_wire.http import Endpoint, Tell
from pegboard_wire.sentences import told

_UPDATE = "Update the plugin, or mend it."


def _lines(served: str | Iterable[str]) -> tuple[str, ...]:
    lines = served.splitlines() if isinstance(served, str) else served
    return tuple(" ".join(line.split()) for line in lines if line.strip())


@frozen
class EndpointModule:
    """The endpoints of one module, for ``pegboard_endpoints`` to declare in place of themselves."""

    target: str = field(validator=targets.check)
    """What holds them or returns them: ``package.module:ENDPOINTS``."""
    served: tuple[str, ...] = field(converter=_lines)
    """All of them, as ``METHOD PATH``, or a text with such lines: ``GET /api/2.0/mlflow/runs/get``.
    The method is ``*`` where an endpoint answers all that no other of its path does."""
    sentences: str = ""
    """A target again: what MLflow's server says of some faults of all of them, as in ``told``."""
    tell: str = ""
    """A target again: the form of all their errors, as ``tell`` of an endpoint. Errors have it also
    when the module cannot be imported, so it should lie in another one."""
    tell_below: tuple[str, ...] = ()
    """Beginnings of paths, such as ``/v1/``, where errors have that form also if nothing is served:
    unknown paths, and requests that cannot be read. The longest one holds."""


@frozen(eq=False)
class LazyEndpoint:
    """A method and a path that a server serves, and how to get the endpoint behind them."""

    method: str
    path: str
    load: Callable[[], Endpoint] = field(repr=False)
    """Returns the endpoint; imports its module when it is called for the first time."""
    is_loaded: bool = False
    """Whether there is nothing left to import."""
    tell: Callable[[], Tell | None] = field(default=lambda: None, repr=False)
    """Returns what makes the bodies of errors, if the endpoints of its module have one."""
    tell_below: tuple[str, ...] = ()
    """Where it does so too: see ``EndpointModule``."""


def lazy_endpoints(items: Iterable[Endpoint | EndpointModule]) -> list[LazyEndpoint]:
    """Return what a plugin declares, unloaded; TypeError if that is something else."""
    found: list[LazyEndpoint] = []
    for item in items:
        if isinstance(item, EndpointModule):
            parts = (each.partition(" ") for each in item.served)
            found += (_lazy(item, method, path) for method, _, path in parts)
        else:
            found.append(lazy_endpoint(plugin_calls.checked(item, Endpoint)))
    return found


def lazy_endpoint(endpoint: Endpoint) -> LazyEndpoint:
    """Return an endpoint that is there already."""
    return LazyEndpoint(endpoint.method, endpoint.path, lambda: endpoint, is_loaded=True)


def _lazy(module: EndpointModule, method: str, path: str) -> LazyEndpoint:
    def load() -> Endpoint:
        # Whatever it does while it is imported, the server and all other endpoints go on.
        with plugin_calls.blamed(f"What answers {method} {path} cannot be loaded", _UPDATE):
            found = endpoints_in(module).get((method, path))
        if found is None:
            raise PluginError(
                f"{module.target} has no endpoint {method} {path}, which its plugin declares.",
                hint=_UPDATE,
            )
        return found

    tells = module.tell_below
    return LazyEndpoint(method, path, load, tell=lambda: _tell_of(module), tell_below=tells)


@cache
def endpoints_in(module: EndpointModule) -> Mapping[tuple[str, str], Endpoint]:
    """Return the endpoints that a module's target holds or returns, by method and path."""
    held = targets.resolve(module.target)
    listed: Iterable[Endpoint] = held() if callable(held) else held
    found = [plugin_calls.checked(each, Endpoint) for each in listed]
    if module.sentences:
        found = told(found, targets.resolve(module.sentences))
    if module.tell:
        found = [evolve(each, tell=_tell_of(module)) for each in found]
    return {(each.method, each.path): each for each in found}


def _tell_of(module: EndpointModule) -> Tell | None:
    return targets.resolve(module.tell) if module.tell else None
