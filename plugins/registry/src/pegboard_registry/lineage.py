"""What a version was made from, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen
from pegboard import paging, tags
from pegboard.entities.registry import ModelVersion
from pegboard.errors import InvalidValue, NotFound, NotSupported, PegboardError
from pegboard.literals import literal
from pegboard.tags import DATASET_CONTEXT, PARENT_RUN_ID
from pegboard_scripting import model_uris
from pegboard_scripting.client import Client

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.entities import Run
    from pegboard.entities.logged_models import LoggedModel

_MOST = 1000
"""How many versions that came of one are followed."""

_LARGEST = 1 << 20
"""How many bytes are read of a file that describes the environment."""

_CODE = {
    "commit": tags.GIT_COMMIT,
    "branch": tags.GIT_BRANCH,
    "repository": tags.GIT_URL,
    "uncommitted_changes": tags.GIT_DIRTY,
    "source": tags.SOURCE_NAME,
    "source_type": tags.SOURCE_TYPE,
    "command": tags.COMMAND,
    "notebook": tags.NOTEBOOK,
}


@frozen
class Node:
    """A thing that a version came from, or that came of it. ``relation`` says in which way."""

    kind: str
    id: str
    name: str
    relation: str
    detail: str = ""


@frozen
class Data:
    """A dataset that the run behind a version used."""

    name: str
    digest: str
    context: str
    source_type: str
    source: str


@define
class Lineage:
    """All that is known of where a version, or a logged model, comes from and where it went.

    ``unknown`` says what could not be found out, and why.
    """

    uri: str
    version: ModelVersion | None = None
    model_id: str | None = None
    run_id: str | None = None
    files: str | None = None
    code: Mapping[str, str] = field(factory=dict)
    data: Sequence[Data] = ()
    params: Mapping[str, str] = field(factory=dict)
    metrics: Mapping[str, float] = field(factory=dict)
    environment: Mapping[str, Any] = field(factory=dict)
    upstream: list[Node] = field(factory=list)
    downstream: list[Node] = field(factory=list)
    unknown: list[str] = field(factory=list)


def trace(client: Client, uri: str) -> Lineage:
    """Return the lineage of the version, the logged model or the model of a run that a URI names.

    NotFound if there is none; InvalidValue for a place, of which nothing is known.
    """
    found = Lineage(uri)
    if model_uris.is_model_uri(uri) and model_uris.parse(uri).model_id is None:
        version = model_uris.find_version(client.registry, model_uris.parse(uri))
        found.uri, found.version = version.model_uri, version
        found.files = _files(client, version, found)
        model_id, run_id = version.model_id, version.run_id
        _copied_from(client, version, found)
    else:
        named = client.named_files(uri)
        model_id, run_id, found.files = named.model_id, named.run_id, named.place
        if model_id is None and run_id is None:
            raise InvalidValue(
                f"{uri!r} is a place, and nothing is known of what lies there.",
                hint="Name a version (models:/NAME/3), a logged model (models:/m-ID) or a model "
                "of a run (runs:/RUN/NAME).",
            )
    model = _model(client, model_id, found, required=found.version is None)
    if model is not None:
        found.model_id = model.model_id
        run_id = run_id or model.source_run_id
        if found.version is not None:
            node = Node("logged model", model.model_id, model.name, "registered from")
            found.upstream.append(node)
    run = _run(client, run_id, found)
    if run is not None:
        _of_run(client, run, found)
    if model is not None:
        points = sorted(model.metrics, key=lambda point: (point.timestamp, point.step))
        found.params = {**found.params, **model.params}
        found.metrics = {**found.metrics, **{point.key: point.value for point in points}}
    found.environment = _environment(client, run, found)
    _downstream(client, model, found)
    return found


def _files(client: Client, version: ModelVersion, found: Lineage) -> str | None:
    """Return where the files of a version are; None if what they are part of is not there."""
    try:
        return client.named_files(version.model_uri).place
    except PegboardError as error:
        found.unknown.append(error.message)
        return None


# -- upstream --------------------------------------------------------------------------------------


def _copied_from(client: Client, version: ModelVersion, found: Lineage) -> None:
    """Note the versions that a version is a copy of, the nearest first."""
    seen = {version.model_uri}
    while model_uris.is_model_uri(version.source):
        uri = model_uris.parse(version.source)
        if uri.model_id is not None or version.source in seen:
            return
        seen.add(version.source)
        try:
            version = model_uris.find_version(client.registry, uri)
        except NotFound as error:
            name = f"{uri.name}/{uri.version}"
            found.upstream.append(Node("version", uri.text, name, "copied from", "deleted"))
            found.unknown.append(error.message)
            return
        found.upstream.append(_version_node(version, "copied from"))


def _model(
    client: Client, model_id: str | None, found: Lineage, *, required: bool
) -> LoggedModel | None:
    if model_id is None:
        return None
    try:
        return client.get_logged_model(model_id)
    except (NotFound, NotSupported) as error:
        if required:
            raise
        found.unknown.append(error.message)
        return None


def _run(client: Client, run_id: str | None, found: Lineage) -> Run | None:
    if not run_id:
        return None
    found.run_id = run_id
    try:
        return client.get_run(run_id)
    except PegboardError as error:
        found.unknown.append(error.message)
        return None


def _of_run(client: Client, run: Run, found: Lineage) -> None:
    recorded = run.data.tags
    found.code = {name: recorded[tag] for name, tag in _CODE.items() if recorded.get(tag)}
    found.params, found.metrics = dict(run.data.params), dict(run.data.metrics)
    found.data = [
        Data(
            used.dataset.name,
            used.dataset.digest,
            next((tag.value for tag in used.tags if tag.key == DATASET_CONTEXT), ""),
            used.dataset.source_type,
            used.dataset.source,
        )
        for used in run.inputs.dataset_inputs
    ]
    found.upstream.append(_run_node(run, "made by"))
    if parent := recorded.get(PARENT_RUN_ID):
        above = _run(client, parent, Lineage(found.uri, unknown=found.unknown))
        if above is not None:
            found.upstream.append(_run_node(above, "part of"))
    for used in found.data:
        detail = f"{used.source_type}, digest {used.digest}"
        found.upstream.append(Node("dataset", used.digest, used.name, "trained on", detail))
    for each in run.inputs.model_inputs:
        model = _model(client, each.model_id, found, required=False)
        name = model.name if model else each.model_id
        found.upstream.append(Node("logged model", each.model_id, name, "used"))
        for version in _versions(client, f"model_id = {literal(each.model_id)}", found):
            found.upstream.append(_version_node(version, "used"))


# -- downstream ------------------------------------------------------------------------------------


def _downstream(client: Client, model: LoggedModel | None, found: Lineage) -> None:
    if found.version is not None:
        name = found.version.name
        found.downstream += [Node("alias", f"{name}@{a}", a, "is") for a in found.version.aliases]
        _copies(client, found.version, found)
    if model is None:
        return
    known = {found.uri, *(node.id for node in (*found.upstream, *found.downstream))}
    for version in _versions(client, f"model_id = {literal(model.model_id)}", found):
        if version.model_uri not in known:
            found.downstream.append(_version_node(version, "has the same model"))
    try:
        users = client.store.logged_models().used_by(model.model_id, max_results=_MOST)
    except NotSupported as error:
        found.unknown.append(error.message)
        return
    found.downstream += [_run_node(client.get_run(run_id), "used by") for run_id in users]
    if users.token:
        found.unknown.append(f"More runs than these {_MOST} use {model.model_uri}.")


def _copies(client: Client, version: ModelVersion, found: Lineage) -> None:
    """Note the versions that are copies of a version, and copies of those."""
    seen, waiting = {version.model_uri}, [version]
    while waiting and len(seen) <= _MOST:
        uri = waiting.pop(0).model_uri
        for copy in _versions(client, f"source_path = {literal(uri)}", found):
            if copy.model_uri not in seen:
                seen.add(copy.model_uri)
                waiting.append(copy)
                found.downstream.append(_version_node(copy, "copied to"))


def _versions(client: Client, filter_text: str, found: Lineage) -> Iterator[ModelVersion]:
    order = ("creation_timestamp", "name", "version_number")
    search = partial(client.search_model_versions, filter_text, _MOST, order)
    try:
        yield from paging.items(search)
    except PegboardError as error:
        # A server of another make does not know this key.
        found.unknown.append(error.message)


def _version_node(version: ModelVersion, relation: str) -> Node:
    facts = [f"@{alias}" for alias in version.aliases]
    if version.current_stage != "None":
        facts.append(version.current_stage)
    name = f"{version.name}/{version.version}"
    return Node("version", version.model_uri, name, relation, ", ".join(facts))


def _run_node(run: Run, relation: str) -> Node:
    info = run.info
    return Node("run", info.run_id, info.run_name, relation, f"{info.status}, by {info.user_id}")


# -- environment -----------------------------------------------------------------------------------


def _environment(client: Client, run: Run | None, found: Lineage) -> dict[str, Any]:
    """Return what the model says it needs, and what the run ran in."""
    known: dict[str, Any] = {}
    if found.files:
        text = _text(client, found.files, "requirements.txt", found)
        if text is not None:
            known["requirements"] = _requirements(text)
    if run is None:
        return known
    root = run.info.artifact_uri
    described = _text(client, root, f"{tags.ENVIRONMENT_DIRECTORY}/environment.json", found)
    if described is not None:
        facts = _facts(described)
        known.update({key: facts[key] for key in ("python", "platform", "gpus") if key in facts})
    installed = _text(client, root, f"{tags.ENVIRONMENT_DIRECTORY}/requirements.txt", found)
    if installed is not None:
        known["installed"] = _requirements(installed)
    return known


def _text(client: Client, root: str, path: str, found: Lineage) -> str | None:
    """Return the text of a file, None if there is none."""
    try:
        store: ArtifactStore = client.host.artifact_store(client.store.located(root))
        with store.read(path) as stream:
            return stream.read(_LARGEST).decode("utf-8", "replace")
    except NotFound:
        return None
    except PegboardError as error:
        if error.message not in found.unknown:
            found.unknown.append(error.message)
        return None


def _requirements(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _facts(text: str) -> Mapping[str, Any]:
    try:
        facts = json.loads(text)
    except ValueError:
        return {}
    return facts if isinstance(facts, Mapping) else {}
