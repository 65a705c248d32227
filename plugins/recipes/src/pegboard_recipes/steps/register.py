"""The step ``register``: a model that met its criteria becomes a version of a registered model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pegboard.errors import PegboardError, Refused

from pegboard_recipes import names, tracking
from pegboard_recipes.names import NOT_VALIDATED, VALIDATED
from pegboard_recipes.step import Work
from pegboard_recipes.tracking import api

if TYPE_CHECKING:
    from pegboard_scripting.client import Client


def run(work: Work) -> None:
    """Register the model, and move the alias that the recipe names, if the gates let it pass."""
    config, own = work.config, work.own
    name = config.section("model_registry")["model_name"]
    status = work.output("evaluate", names.STATUS).read_text(encoding="utf-8")
    allowed = bool(own.get("allow_non_validated_model", False))
    if status != VALIDATED and not (status == NOT_VALIDATED and allowed):
        raise Refused(
            f"The model is not registered: it is {status}, not {VALIDATED}.",
            hint="Add steps.evaluate.validation_criteria, or set "
            "steps.register.allow_non_validated_model: true."
            if status == NOT_VALIDATED
            else "It misses a criterion of steps.evaluate.validation_criteria.",
        )
    run_id = tracking.run_of(work)
    uri = f"runs:/{run_id}/train/model"
    tags = {tracking.SOURCE_TYPE: tracking.RECIPE, tracking.TEMPLATE: config.recipe}
    with tracking.located(config) as client:
        made = _registered(client, name, run_id)
        if made is None:
            made = api("register_model")(uri, name, tags=tags)
        alias = own.get("alias")
        if alias:
            _move_alias(client, name, alias, made.version)
    known = {"name": name, "version": str(made.version)}
    text = json.dumps(known)
    (work.directory / names.VERSION_FILE).write_text(text, encoding="utf-8")
    work.card.tab("Run Summary").facts(
        Model_Name=name, Model_Version=made.version, Model_Source_URI=uri, Alias=alias or "-"
    )
    work.card.facts |= {**known, "source": uri, "run_id": run_id}


def _registered(client: Client, name: str, run_id: str) -> Any:
    """Return the version that the run's model has already: of an earlier call that did not end."""
    found = client.search_model_versions(f"run_id = '{run_id}'")
    return next((each for each in found if each.name == name), None)


def _move_alias(client: Client, name: str, alias: str, version: str) -> None:
    try:
        client.set_registered_model_alias(name, alias, version)
    except PegboardError as error:
        raise Refused(
            f"The model is registered as version {version} of {name}, but the alias {alias!r} "
            f"stays where it is: {error.message}",
            hint=f"{error.hint} Then run it again: this version is taken, not a new one.".strip(),
        ) from error
