"""``runs/create-promptlab-run``: what MLflow's 2.x page makes of a prompt that was tried."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from pegboard.entities import Param, RunStatus, RunTag
from pegboard.errors import InvalidValue
from pegboard_wire import endpoints, places
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pairs import read_pairs
from pegboard_wire.requests import optional_integer, optional_text, store_of
from pegboard_wire.scalars import get, items, string
from pegboard_wire.shapes import INT64, PAIRS, TEXT, record

from pegboard_prompts.promptlab.model import PromptlabModel

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore

PATH = "/api/2.0/mlflow/runs/create-promptlab-run"
_SHOWN_BY = ("GET", "/api/2.0/mlflow/runs/get")
TABLE = "eval_results_table.json"
_MODEL = "model"
_REQUIREMENT = "mlflow[gateway]=={version}"

Pairs = list[tuple[str, str]]


@frozen(kw_only=True)
class _Asked:
    """What a request says; all that is required is there."""

    experiment_id: str
    template: str
    variables: Pairs
    route: str
    model_input: str
    run_name: str
    user_id: str
    start_time: int | None
    tags: Pairs
    parameters: Pairs
    output: str
    measured: Pairs

    def table(self) -> dict[str, Any]:
        """Return the one row of the results, as MLflow keeps it."""
        columns = [
            *self.variables,
            ("prompt", self.model_input),
            ("output", self.output),
            *self.measured,
        ]
        names, values = zip(*columns, strict=True)
        return {"columns": list(names), "data": [list(values)]}

    def model(self) -> PromptlabModel:
        """Return the prompt and the endpoint as a model."""
        return PromptlabModel(
            prompt_template=self.template,
            prompt_parameters=dict(self.variables),
            model_parameters=dict(self.parameters),
            model_route=self.route,
        )


def create(call: Call) -> Result:
    """Make a finished run of a prompt; if that fails, a FAILED one, and the error is answered."""
    asked = _read(call.parameters)
    store = store_of(call)
    run = store.create_run(
        asked.experiment_id,
        run_name=asked.run_name or None,
        user_id=asked.user_id,
        start_time=asked.start_time,
        tags=dict(asked.tags),
    ).info
    status = RunStatus.FAILED
    try:
        _log(store, run.run_id, asked)
        place = places.place_of(call, run.artifact_uri)
        _write(place, asked, run.run_id)
        status = RunStatus.FINISHED
    finally:
        store.update_run(run.run_id, status=status, end_time=int(time.time() * 1000))
    shown: Result = _shown(call, run.run_id)
    return shown


def _shown(call: Call, run_id: str) -> Any:
    """Answer as ``runs/get`` does."""
    asked = evolve(call, parameters={"run_id": run_id})
    shows = endpoints.find(call.host, *_SHOWN_BY)
    return {"run": {"info": {"run_id": run_id}}} if shows is None else shows.handle(asked)


def _read(given: Mapping[str, Any]) -> _Asked:
    experiment_id = _needed_text(given, "experiment_id")
    template = _needed_text(given, "prompt_template")
    variables = _pairs(_needed(given, "prompt_parameters"), "prompt_parameters")
    route = _needed_text(given, "model_route")
    model_input = _needed_text(given, "model_input")
    _needed_text(given, "mlflow_version")
    return _Asked(
        experiment_id=experiment_id,
        template=template,
        variables=variables,
        route=route,
        model_input=model_input,
        run_name=optional_text(given, "run_name"),
        user_id=optional_text(given, "user_id", "unknown"),
        start_time=optional_integer(given, "start_time"),
        tags=read_pairs(items(get(given, "tags"), "tags"), "tags"),
        parameters=_pairs(get(given, "model_parameters"), "model_parameters"),
        output=optional_text(given, "model_output"),
        measured=_pairs(get(given, "model_output_parameters"), "model_output_parameters"),
    )


def _needed(given: Mapping[str, Any], name: str) -> Any:
    value = get(given, name)
    if value is None or value in ("", []):
        raise InvalidValue(f"CreatePromptlabRun request must specify {name}.")
    return value


def _needed_text(given: Mapping[str, Any], name: str) -> str:
    return string(_needed(given, name), name)


def _pairs(value: Any, what: str) -> Pairs:
    """Return a list of keys and values; a value may be a number, and is kept as a text."""
    found: Pairs = []
    for number, each in enumerate(items(value, what)):
        if not isinstance(each, Mapping) or not isinstance(each.get("key"), str):
            raise InvalidValue(f"{what}[{number}] is {each!r:.60}, not a key and a value.")
        found.append((each["key"], str(each.get("value"))))
    return found


def _log(store: TrackingStore, run_id: str, asked: _Asked) -> None:
    params = [*asked.parameters, ("model_route", asked.route), ("prompt_template", asked.template)]
    logged = json.dumps([{"path": TABLE, "type": "table"}])
    store.log_batch(
        run_id,
        params=[Param(key, value) for key, value in params],
        tags=[
            RunTag("mlflow.loggedArtifacts", logged),
            RunTag("mlflow.runSourceType", "PROMPT_ENGINEERING"),
        ],
    )


def _write(place: places.Place, asked: _Asked, run_id: str) -> None:
    """Write the table and the model into the files of the run."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / TABLE).write_text(json.dumps(asked.table()), encoding="utf-8")
        _save(folder / _MODEL, asked, run_id)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                with path.open("rb") as stream:
                    relative = path.relative_to(folder).as_posix()
                    place.store.write(place.path(relative), stream)


def _save(path: Path, asked: _Asked, run_id: str) -> None:
    # pandas loads with them, which a server that is asked for no such run does without.
    from pegboard_models import ColSpec, DataType, Model, ModelSignature, Schema, save_model

    from pegboard_prompts.promptlab.model import Promptlab

    mlmodel = Model(artifact_path=_MODEL, run_id=run_id)
    save_model(
        Promptlab(),
        asked.model(),
        path,
        signature=ModelSignature(
            inputs=Schema([ColSpec(DataType.string, name) for name, _ in asked.variables]),
            outputs=Schema([ColSpec(DataType.string, "output")]),
        ),
        input_example={name: [value] for name, value in asked.variables},
        pip_requirements=[_REQUIREMENT.format(version=mlmodel.mlflow_version)],
        mlmodel=mlmodel,
    )


ENDPOINTS = [
    Endpoint(
        "POST",
        PATH,
        create,
        Permission.WRITE,
        "Make a run of a prompt that was tried, with its answer and a model of it.",
        record(
            "experiment_id", "prompt_template", "prompt_parameters", "model_route", "model_input",
            "mlflow_version",
            experiment_id=TEXT, run_name=TEXT, tags=PAIRS, prompt_template=TEXT,
            prompt_parameters=PAIRS, model_route=TEXT, model_parameters=PAIRS, model_input=TEXT,
            model_output=TEXT, model_output_parameters=PAIRS, mlflow_version=TEXT, user_id=TEXT,
            start_time=INT64,
        ),
        record(run={"type": "object"}),
        tags=("Prompts",),
    )
]  # fmt: skip
