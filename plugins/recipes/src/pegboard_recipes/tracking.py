"""Where a recipe logs to: what its profile says, else where this process tracks to.

Names of ``pegboard`` that other plugins add are asked of the host, so that one that is missing is
an error that says what to install.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from pegboard import host as hosts
from pegboard import uris
from pegboard.errors import InvalidState, NotFound, PegboardError, PluginError, command_line
from pegboard_scripting.client import Client, location
from pegboard_scripting.fluent import runs

from pegboard_recipes.configuration import Configuration
from pegboard_recipes.names import RUN_ID
from pegboard_recipes.places import CARD, CARD_JSON, PRINTED
from pegboard_recipes.step import RUN, Step, run_source

if TYPE_CHECKING:
    from pegboard_recipes.step import Work

TEMPLATE, PROFILE = "mlflow.pipeline.template.name", "mlflow.pipeline.profile.name"
STEP, SOURCE_TYPE = "mlflow.pipeline.step.name", "mlflow.source.type"
RECIPE = "RECIPE"
_VARIABLES = (location.VARIABLE, location.REGISTRY_VARIABLE)


def api(name: str) -> Any:
    """Return what a plugin adds to ``pegboard``; PluginError says which one is to be installed."""
    host = hosts.current()
    try:
        return host.api_name(name)
    except LookupError as error:
        raise PluginError(
            f"A recipe needs pegboard.{name}. {host.explain_missing(name)}"
        ) from error


@frozen
class Tracked:
    """The store of a recipe's runs, the experiment in it, and the run if there is one."""

    client: Client
    experiment_id: str
    run_id: str = ""


def tracking_uri(config: Configuration) -> str:
    """Return where runs go, with paths that do not depend on the working directory."""
    given = config.section("experiment").get("tracking_uri")
    if given:
        return uris.anchored(given, config.root)
    configured = hosts.current().config
    chosen = location.is_tracking_uri_set() or "pegboard.tracking_uri" in configured.origins
    return uris.anchored(location.get_tracking_uri(), config.directory if chosen else config.root)


def registry_uri(config: Configuration) -> str:
    """Return where models are registered."""
    given = config.section("model_registry")
    uri = given.get("registry_uri") or given.get("uri")
    if uri:
        return uris.anchored(uri, config.root)
    return uris.anchored(location.registry_beside(tracking_uri(config)), config.directory)


@contextmanager
def located(config: Configuration) -> Iterator[Client]:
    """Track to the stores of a recipe while the block lasts."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    tracking, registry = tracking_uri(config), registry_uri(config)
    _make_directory(tracking)
    location.set_tracking_uri(tracking)
    location.set_registry_uri(registry)
    try:
        yield Client(tracking, registry)
    finally:
        location.set_tracking_uri(before[location.VARIABLE])
        location.set_registry_uri(before[location.REGISTRY_VARIABLE])


def _make_directory(uri: str) -> None:
    parsed = uris.parse(uri)
    if parsed.scheme == "sqlite":
        parsed.local_path().parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def tracked(config: Configuration) -> Iterator[Tracked]:
    """Track to the stores and the experiment of a recipe, which is made if it is new."""
    if runs.active_run() is not None:
        raise InvalidState(
            "A run is active, and a recipe starts one of its own.",
            hint="End it with pegboard.end_run() first.",
        )
    with located(config) as client:
        yield Tracked(client, _experiment(config, client))


def _experiment(config: Configuration, client: Client) -> str:
    given = config.section("experiment")
    if given.get("id") is not None and not given.get("name"):
        return str(client.get_experiment(str(given["id"])).experiment_id)
    name = given.get("name") or config.root.name
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    where = given.get("artifact_location")
    made = client.create_experiment(
        name, artifact_location=uris.anchored(where, config.root) if where else None
    )
    for key, value in (given.get("tags") or {}).items():
        client.set_experiment_tag(made, str(key), value)
    return str(made)


def run_name(config: Configuration) -> str | None:
    """Return the name of a run, if the profile says how it begins."""
    prefix = config.section("experiment").get("run_name_prefix")
    return f"{prefix}-{uuid.uuid4().hex[:8]}" if prefix else None


def run_tags(config: Configuration, goal: str) -> Mapping[str, str]:
    """Return the tags of a recipe's run, under MLflow's names; ``goal``: the last step to run."""
    return {
        SOURCE_TYPE: RECIPE,
        TEMPLATE: config.recipe,
        PROFILE: config.profile,
        STEP: goal,
    }


def run_of(work: Work) -> str:
    """Return the id of the run that the last training logged to; the step needs its file."""
    for name, files in work.step.needs.items():
        file = work.output(name, RUN_ID)
        if RUN_ID in files and file.is_file():
            return file.read_text(encoding="utf-8").strip()
    raise NotFound("There is no run yet: the step that trains starts it.")


@contextmanager
def recipe_run(work: Work) -> Iterator[Tracked]:
    """Be in the run of a recipe: what ``pegboard.log_metric`` and its like log goes there.

    A step that declares an artifact of the kind ``run``, the file ``run_id``, starts it; a later
    one, which needs that file, goes on with it.

    Raises:
        InvalidState: another run is active.
    """
    config = work.config
    begins = any(each.kind == RUN for each in work.step.artifacts.values())
    with tracked(config) as found:
        given: dict[str, Any] = {"run_id": "" if begins else run_of(work)}
        if begins:
            given = {"run_name": run_name(config), "tags": dict(run_tags(config, work.goal))}
        with _started(work, experiment_id=found.experiment_id, **given) as active:
            run_id = str(active.info.run_id)
            work.card.facts["run_id"] = run_id
            if begins:
                (work.directory / RUN_ID).write_text(run_id, encoding="utf-8")
            yield evolve(found, run_id=run_id)


def _started(work: Work, **given: Any) -> Any:
    """Start a run or go on with one, which may have been deleted since."""
    try:
        return api("start_run")(**given)
    except PegboardError as error:
        begins = next((step for step, files in work.step.needs.items() if RUN_ID in files), "")
        if not begins:
            raise
        words = ("pegboard", "recipes", "clean", "-p", work.config.profile, "-s", begins)
        raise NotFound(
            f"The step {begins!r} has logged to a run that cannot be gone on with: {error.message}",
            hint=f"To let that step run again: {command_line(*words)}",
        ) from error


def log_step(config: Configuration, run_id: str, name: str, directory: Path) -> None:
    """Log what is shown of a step into a run: its card, as a page and as JSON, and its log."""
    with located(config) as client:
        for file in (directory / each for each in (CARD, CARD_JSON, PRINTED)):
            if file.is_file():
                client.log_artifact(run_id, file, name)


def log_cards(work: Work, steps: Sequence[Step]) -> None:
    """Log the card of a step into its run; the first also logs those of the steps before it."""
    source = run_source(steps)
    if source is None:
        return
    name, run_file = source
    first = work.step.name == name
    file = work.directory / run_file if first else work.output(name, run_file)
    run_id = file.read_text(encoding="utf-8").strip()
    for earlier in steps if first else ():
        if earlier.name == name:
            break
        log_step(work.config, run_id, earlier.name, work.places.outputs(earlier.name))
    log_step(work.config, run_id, work.step.name, work.directory)


def log_snapshot(config: Configuration, client: Client, run_id: str) -> None:
    """Log the recipe's files as they are, and its configuration as it was resolved."""
    import yaml

    root, base = config.root, "recipe_snapshot"
    for pattern in ("recipe.yaml", "requirements.txt", "profiles/*.yaml", "steps/*.py"):
        for file in sorted(root.glob(pattern)):
            folder = file.relative_to(root).parent.as_posix()
            client.log_artifact(run_id, file, base if folder == "." else f"{base}/{folder}")
    resolved = yaml.safe_dump(dict(config.values), sort_keys=False)
    client.log_text(run_id, resolved, f"{base}/runtime/recipe.yaml")
