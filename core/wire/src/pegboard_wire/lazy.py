"""Endpoints that are imported when they are asked for: a server starts with their paths alone.

To import what answers hundreds of endpoints takes longer than all else that a server does before
its first answer, and most processes answer a few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from attrs import field, frozen
from pegboard import plugin_calls, targets
from pegboard.errors import PluginError

from pegboard_wire.http import Endpoint
from pegboard_wire.sentences import told


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


@frozen(eq=False)
class LazyEndpoint:
    """A method and a path that a server serves, and how to get the endpoint behind them."""

    method: str
    path: str
    load: Callable[[], Endpoint] = field(repr=False)
    """Returns the endpoint; imports its module when it is called for the first time."""
    is_loaded: bool = False
    """Whether there is nothing left to import."""


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
        found = endpoints_in(module).get((method, path))
        if found is None:
            raise PluginError(
                f"{module.target} has no endpoint {method} {path}, which its plugin declares.",
                hint="Update the plugin.",
            )
        return found

    return LazyEndpoint(method, path, load)


@cache
def endpoints_in(module: EndpointModule) -> Mapping[tuple[str, str], Endpoint]:
    """Return the endpoints that a module's target holds or returns, by method and path."""
    held = targets.resolve(module.target)
    listed: Iterable[Endpoint] = held() if callable(held) else held
    found = [plugin_calls.checked(each, Endpoint) for each in listed]
    if module.sentences:
        found = told(found, targets.resolve(module.sentences))
    return {(each.method, each.path): each for each in found}
