"""The URI of the store to serve."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

from pegboard import uris
from pegboard.errors import ConfigError

PATIENCE = 1.0
"""How many seconds a write waits for other processes before the client is asked to try again."""

_REMOTE = ("http", "https")
_WITH_ARTIFACTS = ("file", "sqlite", uris.PLAIN_PATH)
_PROXIED = f"{uris.PROXIED}:/"


def is_remote(uri: str) -> bool:
    """Whether a store is another server."""
    return uris.parse(uri).scheme in _REMOTE


def served(
    uri: str, destination: str | None = None, root: str | None = None, *, through: bool = True
) -> str:
    """Return the URI of a store as a server opens it.

    ``through`` says whether clients send files through the server, which keeps them at
    ``destination``; else they send them to ``root`` themselves. Either may be missing.
    """
    if not through:
        return _impatient(with_artifacts(uri, root or destination, ""))
    if uris.parse(uri).scheme not in _WITH_ARTIFACTS and not (destination or root):
        return with_artifacts(uri, None)
    destination = destination or uris.parse(uri).query.get("artifacts")
    return _impatient(with_artifacts(uri, root or _PROXIED, destination))


def _impatient(uri: str) -> str:
    """Return the URI of a store that does not let its clients wait for long."""
    parsed = uris.parse(uri)
    if parsed.scheme not in _WITH_ARTIFACTS or "patience" in parsed.query:
        return uri
    return f"{uri}{'&' if parsed.query else '?'}patience={PATIENCE:g}"


def with_artifacts(uri: str, artifacts: str | None, destination: str | None = None) -> str:
    """Return the URI of a store whose new experiments keep their files at ``artifacts``.

    ``destination`` is where those files go that are sent through the server; empty: there are
    none. ConfigError if the store is a server, perhaps this one itself, or has no such settings.
    """
    if is_remote(uri):
        raise ConfigError(
            f"The store {uri!r} is a server itself.",
            hint="Name a store of this machine with --store, for instance sqlite:runs.db.",
        )
    changed = {"artifacts": artifacts or None, "destination": destination}
    given = {name: _absolute(value) for name, value in changed.items() if value is not None}
    if not given:
        return uri
    parsed = uris.parse(uri)
    if parsed.scheme not in _WITH_ARTIFACTS:
        raise ConfigError(f"--artifacts cannot be used with the store {uri!r}.")
    if parsed.scheme == uris.PLAIN_PATH:
        uri = uris.from_path(parsed.local_path())
    base, _, query = uri.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in given]
    return f"{base}?{'&'.join([*kept, urlencode(given, safe=':/', quote_via=quote)])}"


def _absolute(uri: str) -> str:
    if not uri or uris.parse(uri).scheme != uris.PLAIN_PATH:
        return uri
    return uris.from_path(Path(uri).expanduser().absolute())
