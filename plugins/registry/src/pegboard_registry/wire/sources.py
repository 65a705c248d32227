"""From where a version may be registered through a server.

The server, and everybody who loads the version, reads what a source leads to.
So one on the server's machine, or behind it, must lie below the files of the run or logged model
that it is said to come from, and none may climb out of where it seems to be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus, urlsplit

from attrs import evolve
from pegboard import uris
from pegboard.errors import InvalidValue, NotFound, quoted
from pegboard_scripting import model_uris
from pegboard_scripting.model_uris import Source
from pegboard_stores import characters
from pegboard_stores.prompt_tags import PLACEHOLDERS, is_prompt
from pegboard_wire import locations
from pegboard_wire.requests import optional_text, store_of, text
from pegboard_wire.scalars import get

from pegboard_registry.names import NAME
from pegboard_registry.wire.calls import registry_of

if TYPE_CHECKING:
    from pegboard_wire.http import Call

_LOCAL = frozenset({"file", uris.PLAIN_PATH})
_IN_PROCESS = frozenset({"memory", "sqlite", uris.PROXIED})
_PARTS = re.compile(r"[/\\;?#&=]")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f]")
_MOST_ENCODINGS = 8
_MOST_PARTS = 32
"""In how many parts of a path the id of a run is looked for."""
_CONTAINER = {
    "run_id": "The field 'run_id' has to name the run whose files the source is part of.",
    "model_id": "The field 'model_id' has to name the logged model whose files the source is.",
}


def checked(call: Call, tags: Mapping[str, str]) -> Source:
    """Return the source of a version to be created; InvalidValue, NotFound."""
    given = call.parameters
    source = Source(
        text(given, "source"),
        optional_text(given, "run_id") or None,
        optional_text(given, "model_id") or None,
    )
    if is_prompt(tags):
        if source.uri not in PLACEHOLDERS:
            raise _refused(source.uri, "A prompt has no files, so it needs no other source.")
        return source
    _refuse_tricks(source.uri)
    scheme = uris.parse(source.uri).scheme
    if scheme == "models":
        return _of_models(call, source)
    if scheme == "runs":
        return _of_run(call, source)
    if scheme == uris.PROXIED and not (source.run_id or source.model_id):
        source = _with_run_of_path(call, source)
    if scheme in _LOCAL:
        _check_local(call, source)
    elif not _is_allowed(call, scheme, source.uri):
        if not _is_below(_root(call, source, scheme), source.uri):
            raise _refused(source.uri, _container(source))
    elif not re.match(r"[^:]+:/", source.uri):
        raise _refused(source.uri, "After the scheme, a source has an absolute path.")
    elif fault := characters.fault(source.uri):
        raise _refused(source.uri, f"It {fault}.")
    return _with_run(call, source)


def _is_allowed(call: Call, scheme: str, uri: str) -> bool:
    """Whether a version may be made from a URI without checking where it leads."""
    if "?" in uri or (scheme in _IN_PROCESS and not locations.is_on_server(uri)):
        return False
    if scheme in call.host.settings(NAME).source_schemes:
        return True
    hosts = call.host.config.http.artifact_allow
    return locations.is_on_server(uri) and locations.is_allowed(uri, hosts)


# -- tricks ----------------------------------------------------------------------------------------


def _refuse_tricks(uri: str) -> None:
    """Refuse what could be read in more than one way, however often it was percent-encoded."""
    scheme = uris.parse(uri).scheme
    has_no_query = scheme in _LOCAL | _IN_PROCESS | {"models", "runs"}
    decoded = uri
    for _ in range(_MOST_ENCODINGS):
        if _UNSEEN.search(decoded) or "\\" in decoded:
            raise _refused(uri, "A source holds no control characters and no backslashes.")
        if any(part.strip() in (".", "..") for part in _PARTS.split(decoded)):
            raise _refused(uri, "A source is absolute, without '.' and '..' among its parts.")
        if "#" in decoded or (has_no_query and "?" in decoded):
            raise _refused(uri, "A source has no query and no fragment.")
        if (once_more := unquote_plus(decoded)) == decoded:
            return
        decoded = once_more
    raise _refused(uri, "It is percent-encoded too often.")


def _refused(uri: str, why: str) -> InvalidValue:
    fault = "local_source" if uris.parse(uri).scheme in _LOCAL else "source_refused"
    error = InvalidValue(f"The source {quoted(uri)} is not allowed.", hint=why)
    return error.about(fault, source=uri)


def _container(source: Source) -> str:
    return _CONTAINER["model_id" if source.model_id else "run_id"]


# -- files below a run or a logged model -----------------------------------------------------------


def _root(call: Call, source: Source, scheme: str = "") -> str:
    """Return where the files are of the run or logged model that the source is to be part of."""
    store = store_of(call)
    try:
        if source.model_id:
            return store.logged_models().get(source.model_id).artifact_location
        if source.run_id:
            return store.get_run(source.run_id).info.artifact_uri
    except NotFound:
        pass
    why = _container(source)
    if scheme and scheme not in _IN_PROCESS:
        why += (
            " The server's owner can allow other places with [plugins.registry] source_schemes, or "
            "with [http] artifact_allow, in pegboard.toml."
        )
    raise _refused(source.uri, why)


def _with_run(call: Call, source: Source) -> Source:
    """Return the source of a logged model with the run that made it, if no run is given."""
    if source.run_id or not source.model_id:
        return source
    try:
        run_id = store_of(call).logged_models().get(source.model_id).source_run_id
    except NotFound:
        return source
    return evolve(source, run_id=run_id or None)


def _of_run(call: Call, source: Source) -> Source:
    """Return the source ``runs:/ID/path`` with the run that it names; NotFound if there is none."""
    parts = urlsplit(source.uri)
    run_id = parts.path.strip("/").partition("/")[0]
    if parts.netloc or source.model_id or not run_id or source.run_id not in (None, run_id):
        raise _refused(source.uri, _CONTAINER["run_id"])
    store_of(call).get_run(run_id)
    return evolve(source, run_id=run_id)


def _with_run_of_path(call: Call, source: Source) -> Source:
    """Return a source behind the server with the run whose files it is part of, if there is one."""
    store = store_of(call)
    for part in _split(source.uri)[1][:_MOST_PARTS]:
        try:
            run = store.get_run(part)
        except (InvalidValue, NotFound):
            continue
        if _is_below(run.info.artifact_uri, source.uri):
            return evolve(source, run_id=part)
    return source


def _check_local(call: Call, source: Source) -> None:
    base = uris.parse(_root(call, source))
    why = f"It is a path on the server's machine. {_container(source)}"
    if base.scheme not in _LOCAL or not _is_absolute(source.uri):
        raise _refused(source.uri, why)
    # Links are followed, as they will be when the files are read.
    root = base.local_path().resolve()
    place = uris.parse(source.uri).local_path().resolve()
    if root != place and root not in place.parents:
        raise _refused(source.uri, why)


def _is_absolute(uri: str) -> bool:
    parsed = uris.parse(uri)
    if parsed.scheme == uris.PLAIN_PATH:
        return Path(uri).is_absolute() and not uri.startswith("//")
    host, path = urlsplit(uri).netloc, urlsplit(uri).path
    return host in ("", "localhost") and path.startswith("/") and not path.startswith("//")


def _is_below(root: str, uri: str) -> bool:
    base, path = _split(root)
    place, deeper = _split(uri)
    return base == place and bool(path) and deeper[: len(path)] == path


def _split(uri: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what has to be the same below a place, and the parts of the path."""
    parts = urlsplit(uri)
    path = tuple(unquote(part) for part in parts.path.split("/") if part)
    return (parts.scheme.lower(), parts.netloc.lower(), parts.query), path


# -- models ----------------------------------------------------------------------------------------


def _of_models(call: Call, source: Source) -> Source:
    uri = model_uris.parse(source.uri)
    if uri.path or source.uri.partition(":/")[2].startswith("/"):
        raise _refused(source.uri, "A model is named as in models:/NAME/VERSION.")
    if uri.model_id is not None:
        if uri.model_id != source.model_id:
            raise _refused(source.uri, _CONTAINER["model_id"])
        return evolve(_with_run(call, source), storage_location=_root(call, source))
    registry = registry_of(call)
    origin = model_uris.find_version(registry, uri)
    if is_prompt(registry.get_model(origin.name).tags):
        raise _refused(source.uri, "It is a version of a prompt, which has no files.")
    for name, found in (("run_id", origin.run_id), ("model_id", origin.model_id)):
        if get(call.parameters, name) is not None and getattr(source, name) != found:
            raise _refused(source.uri, f"The version has another {name!r} than the field says.")
    where = registry.download_uri(origin.name, origin.version)
    return Source(origin.model_uri, origin.run_id, origin.model_id, where)
