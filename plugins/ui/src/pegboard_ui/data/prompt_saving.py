"""``ui/prompt-save``: a prompt as a version, and what models made of it as runs, in one request.

It asks the endpoints of the registry and of MLflow's prompt engineering, so that a save is what it
would be if a client had made each call: with the same checks, events and history. All is checked
that can be before anything is kept; what fails later names what was kept before it.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import attrs
from attrs import frozen
from pegboard.entities import Metric
from pegboard.errors import AlreadyExists, InvalidValue, NotSupported, PegboardError, quoted
from pegboard_stores import prompt_tags
from pegboard_stores.clock import now_ms
from pegboard_wire import endpoints, places, registries
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import TEXT, array, record
from pegboard_wire.typed import AtMost, typed

from pegboard_ui.data.answers import json_answer

MOST_RUNS, MOST_ROWS = 4, 100
MOST_CHARACTERS = 100_000
"""Of a template, as MLflow's clients have it."""
TABLE = "eval_results_table.json"
_MLFLOW = "/api/2.0/mlflow"
_PROMPT, _VERSION = f"{_MLFLOW}/registered-models/create", f"{_MLFLOW}/model-versions/create"
_RUN = f"{_MLFLOW}/runs/create-promptlab-run"
_AS_MLFLOW = "2.22.0"
"""The last version whose page made runs of prompts; it stands in what the run keeps."""
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_MARKED = {"rating": "rating/value"}
"""Columns of what a person says of an answer: in a grid of evaluations they are scores."""
_SUMS = ("cost", "prompt_tokens", "completion_tokens", "total_tokens")


@frozen
class RowGiven:
    """One answer: values of variables and numbers by name, both JSON in a text."""

    inputs: str
    prompt: str = ""
    output: str = ""
    figures: str = "{}"


@frozen
class RunGiven:
    """What a model made of a prompt; ``parameters`` are JSON in a text."""

    model_route: Annotated[str, AtMost(250)]
    rows: Annotated[list[RowGiven], AtMost(MOST_ROWS)]
    parameters: str = "{}"


@frozen
class SaveRequest:
    """A new version, or with ``version`` one that is there; and its runs.

    ``template`` is a text, or the messages of a chat as JSON. ``response_format``,
    ``model_config`` and ``variables`` are JSON in a text; "" stands for none.
    """

    name: Annotated[str, AtMost(250)]
    version: str = ""
    template: str = ""
    is_chat: bool = False
    response_format: str = ""
    model_config: str = ""
    variables: str = ""
    message: Annotated[str, AtMost(5000)] = ""
    experiment_id: str = "0"
    runs: Annotated[list[RunGiven], AtMost(MOST_RUNS)] = attrs.field(factory=list)


@frozen
class _Row:
    inputs: Mapping[str, str]
    prompt: str
    output: str
    figures: Mapping[str, float]


@frozen
class _Run:
    model_route: str
    parameters: Mapping[str, Any]
    rows: Sequence[_Row]


def save(call: Call, wanted: SaveRequest) -> Answer:
    """Keep a version and its runs; an error says what was kept before it."""
    runs = [_run(each) for each in wanted.runs]
    tags = None if wanted.version else _tags(wanted)
    if not runs and tags is None:
        raise InvalidValue("There is nothing to save: neither a text nor a run.")
    if tags is None:
        wanted = attrs.evolve(wanted, template=_template_of(call, wanted))
    if runs:
        store_of(call).get_experiment(wanted.experiment_id)
        _asked(call, _RUN, None)
    version = wanted.version if tags is None else _register(call, wanted, tags)
    kept: list[str] = []
    for run in runs:
        try:
            kept.append(_keep(call, wanted, version, run))
        except PegboardError as error:
            raise _incomplete(error, wanted, version, run, len(kept)) from error
    return json_answer(call, {"name": wanted.name, "version": version, "runs": kept})


def _incomplete(
    error: PegboardError, wanted: SaveRequest, version: str, run: _Run, kept: int
) -> PegboardError:
    of = f"Version {version} of {quoted(wanted.name)}"
    told = [f"{of} was registered." if not wanted.version else f"{of} is as it was."]
    if kept:
        told.append(f"{kept} of {len(wanted.runs)} runs were kept.")
    told.append(f"The run of {quoted(run.model_route)} was not: {error.message}")
    error.args = (" ".join(told),)
    error.message = " ".join(told)
    return error


# -- what was given --------------------------------------------------------------------------------


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise InvalidValue(f"The field {what!r} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise InvalidValue(f"The field {what!r} is not a JSON object.")
    return found


def _run(given: RunGiven) -> _Run:
    if not given.rows:
        raise InvalidValue(f"The run of {quoted(given.model_route)} has no rows.")
    rows = [
        _Row(
            {key: _text(value) for key, value in _object(each.inputs, "inputs").items()},
            each.prompt,
            each.output,
            {
                key: float(value)
                for key, value in _object(each.figures, "figures").items()
                if isinstance(value, int | float) and math.isfinite(value)
            },
        )
        for each in given.rows
    ]
    return _Run(given.model_route, _object(given.parameters, "parameters"), rows)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tags(wanted: SaveRequest) -> dict[str, str]:
    """Return the tags of the version; InvalidValue for what no client would take."""
    if not _NAME.fullmatch(wanted.name):
        raise InvalidValue(
            f"{quoted(wanted.name)} is not the name of a prompt.",
            hint="It has letters, digits, and the signs _ . - alone.",
        )
    if not wanted.template.strip():
        raise InvalidValue("The prompt is empty.", hint="Write a text, or a message of a chat.")
    if len(wanted.template) > MOST_CHARACTERS:
        raise InvalidValue(
            f"The prompt has {len(wanted.template):,} characters; {MOST_CHARACTERS:,} are the most."
        )
    if wanted.is_chat:
        _check_chat(wanted.template)
    kind = prompt_tags.CHAT_TYPE if wanted.is_chat else prompt_tags.TEXT_TYPE
    made = {
        prompt_tags.IS_PROMPT: "true",
        prompt_tags.TEXT: wanted.template,
        prompt_tags.TYPE: kind,
    }
    for tag, text, what in (
        (prompt_tags.RESPONSE_FORMAT, wanted.response_format, "response_format"),
        (prompt_tags.MODEL_CONFIG, wanted.model_config, "model_config"),
        (prompt_tags.VARIABLES, wanted.variables, "variables"),
    ):
        if text.strip() and (found := _object(text, what)):
            made[tag] = json.dumps(found)
    return made


def _check_chat(template: str) -> None:
    try:
        messages = json.loads(template)
    except ValueError:
        messages = None
    if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
        raise InvalidValue(
            "The prompt is not a chat.",
            hint='A chat is JSON such as [{"role": "user", "content": "…"}].',
        )


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(k), str) for k in _MESSAGE)


_MESSAGE = ("role", "content")


# -- keeping ---------------------------------------------------------------------------------------


def _asked(call: Call, path: str, parameters: Mapping[str, Any] | None) -> Any:
    """Return what an endpoint of this server answers; without parameters, only look for it."""
    endpoint = endpoints.find(call.host, "POST", path)
    if endpoint is None:
        raise NotSupported(
            f"This server has no {path}.", hint="The plugin that brings it is off or not installed."
        )
    if parameters is None:
        return None
    return endpoint.handle(attrs.evolve(call, parameters=parameters, path=path))


def _pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": _text(value)} for key, value in values.items()]


def _template_of(call: Call, wanted: SaveRequest) -> str:
    registry = registries.open_registry(call.host, call.tracking_uri)
    version = registry.get_version(wanted.name, wanted.version)
    if not prompt_tags.is_prompt(version.tags):
        raise _is_a_model(wanted.name)
    return version.tags.get(prompt_tags.TEXT, "")


def _is_a_model(name: str) -> AlreadyExists:
    return AlreadyExists(
        f"{quoted(name)} is the name of a model.", hint="Give the prompt another name."
    )


def _register(call: Call, wanted: SaveRequest, tags: Mapping[str, str]) -> str:
    named = {prompt_tags.IS_PROMPT: "true"}
    if wanted.runs:
        named[prompt_tags.EXPERIMENTS] = f",{wanted.experiment_id},"
    try:
        _asked(call, _PROMPT, {"name": wanted.name, "tags": _pairs(named)})
    except AlreadyExists:
        registry = registries.open_registry(call.host, call.tracking_uri)
        if not prompt_tags.is_prompt(registry.get_model(wanted.name).tags):
            raise _is_a_model(wanted.name) from None
    version = {
        "name": wanted.name,
        "source": prompt_tags.PLACEHOLDER,
        "description": wanted.message,
        "tags": _pairs(tags),
    }
    made = _asked(call, _VERSION, version)
    return str(made["model_version"]["version"])


def _keep(call: Call, wanted: SaveRequest, version: str, run: _Run) -> str:
    """Make a run of a model's answers; return its id."""
    first = run.rows[0]
    linked = [{"name": wanted.name, "version": version}]
    made = _asked(call, _RUN, {
        "experiment_id": wanted.experiment_id,
        "run_name": f"{wanted.name}-v{version}-{run.model_route}"[:250],
        "tags": _pairs({prompt_tags.LINKED: json.dumps(linked)}),
        "prompt_template": _readable(wanted.template),
        # A run has inputs, whether the prompt takes any or not.
        "prompt_parameters": _pairs(first.inputs or {"input": ""}),
        "model_route": run.model_route,
        "model_parameters": _pairs(run.parameters),
        "model_input": first.prompt,
        "model_output": first.output,
        "model_output_parameters": _pairs({_column(k): v for k, v in first.figures.items()}),
        "mlflow_version": _AS_MLFLOW,
        "user_id": call.identity.name or "unknown",
        "start_time": now_ms(),
    })  # fmt: skip
    info = made["run"]["info"]
    if len(run.rows) > 1:
        place = places.place_of(call, info["artifact_uri"])
        place.store.write(place.path(TABLE), io.BytesIO(_table(run.rows)))
    if metrics := _metrics(run.rows):
        store_of(call).log_batch(info["run_id"], metrics=metrics)
    return str(info["run_id"])


def _readable(template: str) -> str:
    """Return a template as one text, which runs have: of a chat, what each one says."""
    try:
        messages = json.loads(template)
    except ValueError:
        return template
    if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
        return template
    if len(messages) == 1:
        return str(messages[0]["content"])
    return "\n\n".join(f"{each['role']}: {each['content']}" for each in messages)


def _table(rows: Sequence[_Row]) -> bytes:
    """Return all answers as MLflow's page writes them: all text, the variables first."""
    names = list(dict.fromkeys(name for row in rows for name in row.inputs))
    figures = list(dict.fromkeys(name for row in rows for name in row.figures))
    data = [
        [
            *(row.inputs.get(name, "") for name in names),
            row.prompt,
            row.output,
            *(_text(row.figures[name]) if name in row.figures else "" for name in figures),
        ]
        for row in rows
    ]
    columns = [*names, "prompt", "output", *map(_column, figures)]
    table = {"columns": columns, "data": data}
    return json.dumps(table, ensure_ascii=False).encode()


def _column(figure: str) -> str:
    return _MARKED.get(figure, figure)


def _metrics(rows: Sequence[_Row]) -> list[Metric]:
    """Return what the answers took: sums of tokens and money, means of times."""
    found = []
    for name in dict.fromkeys(name for row in rows for name in row.figures):
        values = [row.figures[name] for row in rows if name in row.figures]
        total = math.fsum(values)
        found.append(Metric(name, total if name in _SUMS else total / len(values), now_ms(), 0))
    return found


ENDPOINTS = [
    typed(
        "POST", "/api/pegboard/1.0/ui/prompt-save", save, Permission.WRITE,
        "Keep a prompt as a version, and what models made of it as runs.", SaveRequest,
        record(name=TEXT, version=TEXT, runs=array(TEXT)), tags=("Pages",),
    ),
]  # fmt: skip
