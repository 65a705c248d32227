"""``prompts/tests``: the tests of a prompt read, bound, taken away and run, for pages.

The server asks no model: what tests ask is handed to the caller, who puts it to the gateway with
his own rights and on his own account, and comes again with the answers (see ``asking``).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import attrs
from attrs import frozen
from pegboard.errors import InvalidValue, NotFound, NotSupported
from pegboard.literals import literal
from pegboard_stores import prompt_tags, refusals
from pegboard_stores.data_sets import DataSets
from pegboard_wire import registries
from pegboard_wire.http import Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_evaluation.prompt_tests import telling
from pegboard_evaluation.prompt_tests.records import tests_of

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.entities.registry import RegisteredModel
    from pegboard_scripting.client import Client

MOST_VERSIONS = 50
MOST_ANSWERS = 4_000
"""How many answers come with a request: those of the models, and what judges were told."""
_MOST_FORM = 200_000
_MOST_TEXT = 1 << 20
_USUAL_EXPERIMENT = "0"


@frozen
class ReadRequest:
    """Of which prompt, and of which of its versions the outcome."""

    name: Annotated[str, AtMost(250)]
    versions: Annotated[tuple[str, ...], AtMost(MOST_VERSIONS)] = ()


@frozen
class BindRequest:
    """What versions of a prompt have to pass.

    ``form`` is JSON in a text: that of 'pegboard eval run' without prompts. ``fail_under`` is the
    least share of cases that has to pass.
    """

    name: Annotated[str, AtMost(250)]
    form: Annotated[str, AtMost(_MOST_FORM)]
    fail_under: Annotated[float, Between(0, 1)] = 1.0


@frozen
class NameRequest:
    """Of which prompt."""

    name: Annotated[str, AtMost(250)]


@frozen
class AnswerGiven:
    """What a model said to the question of a key, or why it said nothing; what it took."""

    key: Annotated[str, AtMost(100)]
    text: Annotated[str, AtMost(_MOST_TEXT)] = ""
    error: Annotated[str, AtMost(10_000)] = ""
    input_tokens: Annotated[int, Between(0, 1 << 40)] = 0
    output_tokens: Annotated[int, Between(0, 1 << 40)] = 0
    usd: Annotated[float, Between(0, 1 << 30)] | None = None


@frozen
class RunRequest:
    """Which version is tested, beside which alias, and what is answered already.

    Without ``against`` it is 'production', if the prompt has that; '' is none. The runs go to
    ``experiment_id``; by default to the first of the prompt's experiments.
    """

    name: Annotated[str, AtMost(250)]
    version: Annotated[str, AtMost(20)]
    against: Annotated[str, AtMost(250)] | None = None
    experiment_id: Annotated[str, AtMost(64)] = ""
    answers: Annotated[list[AnswerGiven], AtMost(MOST_ANSWERS)] = attrs.field(factory=list)


# -- reading ---------------------------------------------------------------------------------------


def read(call: Call, wanted: ReadRequest) -> dict[str, Any]:
    """Return the tests of a prompt in words, and what they came to for versions."""
    registry = registries.open_registry(call.host, call.tracking_uri)
    prompt = _prompt(registry, wanted.name)
    tests = tests_of(prompt.tags)
    outcomes = {}
    for number in dict.fromkeys(wanted.versions):
        try:
            found = registry.get_version(wanted.name, number)
        except NotFound:
            continue
        outcomes[number] = telling.outcome(found, tests)
    if tests is None:
        return {"tests": None, "versions": outcomes}
    told = telling.told(tests)
    sets = store_of(call).ability(DataSets)
    named = [{**each, "dataset_id": _id_of(each["name"], sets)} for each in told["data_sets"]]
    return {"tests": {**told, "data_sets": named}, "versions": outcomes}


def _prompt(registry: ModelRegistry, name: str) -> RegisteredModel:
    with refusals.of_prompts():
        found = registry.get_model(name)
    if not prompt_tags.is_prompt(found.tags):
        raise InvalidValue(f"{name!r} is a registered model, not a prompt.")
    return found


def _id_of(name: str, sets: DataSets | None) -> str:
    """Return the id of a data set, for a link; "" if there is none of the name, or are several."""
    if sets is None:
        return ""
    found = list(sets.search(filter=f"name = {literal(name)}", max_results=2))
    return found[0].data_set_id if len(found) == 1 else ""


# -- changing --------------------------------------------------------------------------------------


def bind(call: Call, wanted: BindRequest) -> dict[str, Any]:
    """Keep a form as the tests of a prompt, as 'pegboard prompts test --bind' does."""
    from pegboard_evaluation.prompt_tests import testing

    try:
        form = json.loads(wanted.form)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"The field 'form' is not JSON: {error}.") from None
    if not isinstance(form, dict):
        raise InvalidValue("The field 'form' is not a JSON object.")
    with _tracking(call) as client, tempfile.TemporaryDirectory() as place:
        file = Path(place) / "tests.json"
        file.write_text(json.dumps({**form, testing.FAIL_UNDER: wanted.fail_under}), "utf-8")
        made = testing.bind(client, wanted.name, file)
    return {"tests": telling.told(made)}


def unbind(call: Call, wanted: NameRequest) -> dict[str, Any]:
    """Take the tests of a prompt away. What versions came to stays with them."""
    registry = registries.open_registry(call.host, call.tracking_uri)
    _prompt(registry, wanted.name)
    registry.delete_model_tag(wanted.name, prompt_tags.TESTS)
    return {}


# -- running ---------------------------------------------------------------------------------------


def run(call: Call, wanted: RunRequest) -> dict[str, Any]:
    """Return what is to be asked next, or what the tests of a version came to."""
    from pegboard_evaluation.genai.elsewhere import Answered, endpoint_of
    from pegboard_evaluation.prompt_tests import asking, testing

    answers = {
        each.key: Answered(
            text=each.text,
            error=each.error,
            input_tokens=each.input_tokens,
            output_tokens=each.output_tokens,
            usd=each.usd,
        )
        for each in wanted.answers
    }
    with _tracking(call) as client:
        prompt = _prompt(client.registry, wanted.name)
        owner = asking.Owner(user=call.identity.name, experiment_id=_home(call, wanted, prompt))
        key = f"{wanted.name}/{wanted.version}"
        plan = testing.planned(client, key, against=wanted.against)
        found = asking.test(client, plan, answers, owner)
        if isinstance(found, Sequence):
            asked = [
                {
                    "key": each.key,
                    "endpoint": endpoint_of(each.model),
                    "messages": list(each.messages),
                    "fields": dict(each.fields),
                }
                for each in found
            ]
            return {"questions": asked, "outcome": None}
        now = client.registry.get_version(wanted.name, plan.version.version)
    return {"questions": [], "outcome": telling.outcome(now, plan.tests)}


def _home(call: Call, wanted: RunRequest, prompt: RegisteredModel) -> str:
    store = store_of(call)
    if wanted.experiment_id:
        return str(store.get_experiment(wanted.experiment_id).experiment_id)
    for each in prompt.tags.get(prompt_tags.EXPERIMENTS, "").split(","):
        try:
            if each and store.get_experiment(each).lifecycle_stage == "active":
                return each
        except NotFound:
            continue
    return _USUAL_EXPERIMENT


@contextmanager
def _tracking(call: Call) -> Iterator[Client]:
    """Within this block, what scripts use tracks to the store of this server."""
    from pegboard_scripting.client import Client, location

    uri = call.tracking_uri or call.host.config.pegboard.tracking_uri
    registry = registries.registry_uri(call.host, call.tracking_uri)
    if registries.scheme_of(uri) in ("http", "https"):
        raise NotSupported("The store of this server is another server: test prompts there.")
    with location.used(uri, registry):
        yield Client(uri, registry)


_OBJECT: Mapping[str, Any] = {"type": "object"}
_PATH, _TAGS = "/api/pegboard/1.0/prompts/tests", ("Prompts",)

ENDPOINTS = [
    typed(
        "GET", _PATH, read, Permission.READ,
        "The tests that are bound to a prompt, and what they came to for its versions.",
        ReadRequest, record(tests=_OBJECT, versions=mapping(_OBJECT)), tags=_TAGS,
    ),
    typed(
        "PUT", _PATH, bind, Permission.WRITE,
        "Bind tests to a prompt, in place of those that it has.", BindRequest,
        record(tests=_OBJECT), tags=_TAGS,
    ),
    typed(
        "DELETE", _PATH, unbind, Permission.WRITE, "Take the tests of a prompt away.",
        NameRequest, EMPTY, tags=_TAGS,
    ),
    typed(
        "POST", f"{_PATH}/run", run, Permission.WRITE,
        "Test a version of a prompt; what models are asked is the caller's to ask, and comes back "
        "answered.", RunRequest,
        record(questions=array(record(
            key=TEXT, endpoint=TEXT, messages=array(_OBJECT), fields=_OBJECT,
        )), outcome=_OBJECT), tags=_TAGS,
    ),
]  # fmt: skip
