"""How the calls of a project reach its run, whether it uses pegboard or MLflow's own client.

A store of this machine is opened by pegboard itself, and served on loopback for all others.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from pegboard import uris
from pegboard_server import loopback

if TYPE_CHECKING:
    from pegboard.host import Host

_REMOTE = ("http", "https")
_OPENED_BY_ALL = ("sqlite", "file", uris.PLAIN_PATH)
"""Stores that another process can open, too."""

_OTHERS = (
    "PEGBOARD_EXPERIMENT_NAME",
    "MLFLOW_EXPERIMENT_NAME",
    "PEGBOARD_EXPERIMENT_ID",
    "PEGBOARD_RUN_ID",
)
"""Variables that would say something else than ours."""


@frozen
class Attachment:
    """Where the calls of a project go, for as long as it is open."""

    host: Host
    uri: str
    registry_uri: str
    server: loopback.Loopback | None

    def variables(self, run_id: str, experiment_id: str) -> dict[str, str]:
        """Return the environment variables of a project that belongs to a run."""
        kept = {key: value for key, value in os.environ.items() if key not in _OTHERS}
        if self.server is not None:
            kept = self.server.environment(kept)
        else:
            kept |= {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_REGISTRY_URI": self.registry_uri}
        ours = {"PEGBOARD_TRACKING_URI": self.uri, "PEGBOARD_REGISTRY_URI": self.registry_uri}
        if self.server is not None and uris.parse(self.uri).scheme not in _OPENED_BY_ALL:
            ours = dict.fromkeys(ours, self.server.address)
        if self.host.config.file is not None:
            # The project runs in another folder, but under the same configuration.
            ours["PEGBOARD_CONFIG"] = str(self.host.config.file.absolute())
        return {
            **kept,
            **ours,
            "MLFLOW_RUN_ID": run_id,
            "MLFLOW_EXPERIMENT_ID": experiment_id,
            "PYTHONUNBUFFERED": kept.get("PYTHONUNBUFFERED", "1"),
        }


@contextlib.contextmanager
def attached(host: Host, uri: str, registry_uri: str) -> Iterator[Attachment]:
    """Serve a store to projects while the block lasts, if it is not served anyway."""
    here = Path.cwd()
    uri, registry_uri = uris.anchored(uri, here), uris.anchored(registry_uri, here)
    if is_remote(uri):
        yield Attachment(host, uri, registry_uri, None)
        return
    with loopback.serving(host, uri) as server:
        yield Attachment(host, uri, registry_uri, server)


def is_remote(uri: str) -> bool:
    """Whether a store is a server."""
    return uris.parse(uri).scheme in _REMOTE


def added(variables: Mapping[str, str]) -> frozenset[str]:
    """Return which of a project's variables this process has not, or has otherwise."""
    return frozenset(name for name, value in variables.items() if os.environ.get(name) != value)
