"""Where this process tracks to, and where it registers models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pegboard import config, host

VARIABLE = "PEGBOARD_TRACKING_URI"
REGISTRY_VARIABLE = "PEGBOARD_REGISTRY_URI"

_uri: str | None = None
_registry_uri: str | None = None
_here: ContextVar[tuple[str, str] | None] = ContextVar("pegboard_location", default=None)


@contextmanager
def used(tracking_uri: str, registry_uri: str) -> Iterator[None]:
    """Within this block track to these URIs; also in threads that take over its context.

    It is for a server, which tracks on behalf of its clients: the process itself stays as it is.
    """
    token = _here.set((tracking_uri, registry_uri))
    try:
        yield
    finally:
        _here.reset(token)


def set_tracking_uri(uri: str | Path | None) -> None:
    """Track to the store of this URI or path from now on; None or "": to the configured one.

    Processes started by this one do so too.
    """
    global _uri
    if isinstance(uri, os.PathLike):
        uri = str(Path(uri).absolute())
    _uri = uri or None
    if _uri is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = _uri


def get_tracking_uri() -> str:
    """Return the URI that is tracked to: the one set, else the environment's, else configured."""
    if (here := _here.get()) is not None:
        return here[0]
    return _uri or _from_environment() or host.current().config.pegboard.tracking_uri


def is_tracking_uri_set() -> bool:
    """Whether a URI was set, by ``set_tracking_uri`` or by an environment variable."""
    return bool(_uri or _from_environment())


def set_registry_uri(uri: str | Path | None) -> None:
    """Use the model registry of this URI or path from now on; None or "": the configured one.

    Processes started by this one do so too.
    """
    global _registry_uri
    if isinstance(uri, os.PathLike):
        uri = str(Path(uri).absolute())
    _registry_uri = uri or None
    if _registry_uri is None:
        os.environ.pop(REGISTRY_VARIABLE, None)
    else:
        os.environ[REGISTRY_VARIABLE] = _registry_uri


def get_registry_uri() -> str:
    """Return the URI of the model registry: the one set, else the environment's, else configured.

    If nothing is, it is where this process tracks to.
    """
    return registry_beside(get_tracking_uri())


def registry_beside(tracking_uri: str) -> str:
    """Return the URI of the model registry for who tracks to a URI."""
    if (here := _here.get()) is not None and here[0] == tracking_uri:
        return here[1]
    return (
        _registry_uri
        or _from_environment("registry_uri")
        or host.current().config.pegboard.registry_uri
        or tracking_uri
    )


_VARIABLES = {
    wanted: tuple(variable for variable, key in config.ENVIRONMENT.items() if key == wanted)
    for wanted in ("tracking_uri", "registry_uri")
}
"""The environment variables for each, the first that is set counts."""


def _from_environment(wanted: str = "tracking_uri") -> str | None:
    # Prompts are loaded thousands of times a second, and each time this asks: ``get`` takes half
    # again as long for a variable that is not there.
    for variable in _VARIABLES[wanted]:
        try:
            uri = os.environ[variable]
        except KeyError:
            continue
        if uri:
            return uri
    return None
