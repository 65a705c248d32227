"""Where this process tracks to."""

from __future__ import annotations

import os
from pathlib import Path

from pegboard import config, host

VARIABLE = "PEGBOARD_TRACKING_URI"

_uri: str | None = None


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
    return _uri or _from_environment() or host.current().config.tracking.uri


def is_tracking_uri_set() -> bool:
    """Whether a URI was set, by ``set_tracking_uri`` or by an environment variable."""
    return bool(_uri or _from_environment())


def _from_environment() -> str | None:
    for variable, value in config.ENVIRONMENT.items():
        if value == ("tracking", "uri") and (uri := os.environ.get(variable)):
            return uri
    return None
