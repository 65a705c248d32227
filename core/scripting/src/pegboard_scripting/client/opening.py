"""The files that a URI names, opened: through a client only where one is needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pegboard import host

from pegboard_scripting import resolver
from pegboard_scripting.client.client import Client

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore

    from pegboard_scripting.resolver import NamedFiles


def open_named(
    uri: str | os.PathLike[str], tracking_uri: str | None = None, registry_uri: str | None = None
) -> tuple[ArtifactStore, NamedFiles]:
    """Return the store that keeps the files that a URI names, and what they are there.

    The forms and errors are those of ``Client.named_files``.
    """
    if not resolver.needs_store(uri):
        # Reading a plain file must not make a tracking store.
        named = resolver.of_place(uri)
        return host.current().artifact_store(named.location), named
    client = Client(tracking_uri, registry_uri)
    named = client.named_files(uri)
    return client.open_files(named), named
