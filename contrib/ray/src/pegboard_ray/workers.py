"""Workers for the rows of evaluations, in a Ray cluster."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pegboard.errors import InvalidValue
from pegboard_evaluation import Workers

from pegboard_ray import bridge, calling
from pegboard_ray.runner import complete
from pegboard_ray.settings import Settings

_MOST_CALLS = 500


class RayWorkers(Workers):
    """Calls functions in the cluster that ``[ray]`` or RAY_ADDRESS names."""

    def __init__(self) -> None:
        """Connect; ConfigError says why that cannot be."""
        self._settings = complete(Settings())
        self._cluster = bridge.opened(self._settings.address)
        self._lock = threading.Lock()
        self._packed: dict[int, tuple[Any, str, bytes]] = {}
        self._sent: set[str] = set()
        has = sum(n["Resources"].get("CPU", 0) for n in self._cluster.nodes() if n["Alive"])
        self.count = max(1, min(_MOST_CALLS, int(has / self._settings.cpus)))
        self.shares_machine = self._cluster.is_one_machine()

    def call(self, function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        """Return what a function returns there."""
        try:
            with self._lock:
                digest, content = self._packed_once(function)
            arguments = calling.dumped(dict(given))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise InvalidValue(
                f"{function!r}, or what it is given, cannot be sent to Ray's workers: {error}",
                hint="Open connections and files inside the function.",
            ) from error
        first = None if digest in self._sent else content
        answer = self._cluster.ask("call", digest, first, arguments, self._settings.cpus)
        self._sent.add(digest)
        is_fine, found = pickle.loads(answer)  # noqa: S301 (of our own cluster)
        if not is_fine:
            raise found
        return found

    def _packed_once(self, function: Callable[..., Any]) -> tuple[str, bytes]:
        """Pickle a function; once, if it is the same that was sent before."""
        inner = getattr(function, "function", function)
        key = id(getattr(inner, "__self__", inner))
        known = self._packed.get(key)
        if known is None:
            content = calling.dumped(function)
            # It is held, so that no other gets its id.
            known = (inner, hashlib.sha256(content).hexdigest(), content)
            self._packed[key] = known
        return known[1], known[2]
