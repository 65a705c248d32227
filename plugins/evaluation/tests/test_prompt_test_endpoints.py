"""Tests of a prompt over the wire: the caller asks the models, and the store is the server's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard.config import Config
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard.host import Host
from pegboard_evaluation import data_sets
from pegboard_evaluation.genai.judging import make_judge
from pegboard_evaluation.prompt_tests import gate
from pegboard_evaluation.prompt_tests.endpoints import ENDPOINTS
from pegboard_scripting.client import Client
from pegboard_wire.http import Call, Identity

_READ, _BIND, _UNBIND, _RUN = ENDPOINTS
_IS_PROMPT = {"mlflow.prompt.is_prompt": "true"}
ROWS = [{"country": f"country {n}", "capital": f"city {n}"} for n in range(4)]
FORM: dict[str, Any] = {
    "models": [{"model": "gateway:/small", "params": {"temperature": 0}}],
    "cases": "datasets:/cities",
    "defaults": {
        "assert": [
            {"type": "contains", "value": "{{ capital }}"},
            {
                "type": "registered",
                "value": "kind",
                "threshold": 0.5,
                "experiment_id": "EXPERIMENT",
            },
            {"type": "not-contains", "value": "<b>"},
        ]
    },
}


class House:
    """A server's store, which is not the one that this process tracks to."""

    def __init__(self, place: Path) -> None:
        self.uri = f"sqlite:{place / 'server.db'}"
        self.client = Client(self.uri)
        pegboard.set_tracking_uri(self.uri)
        self.experiment = self.client.create_experiment("answers")
        data_sets.create_dataset("cities").merge_records([{"inputs": each} for each in ROWS])
        judge = make_judge(
            "kind", "Is {{ outputs }} kind?", "gateway:/judge", feedback_value_type=float
        )
        judge.register(experiment_id=self.experiment)
        tags = {**_IS_PROMPT, "_mlflow_experiment_ids": f",{self.experiment},"}
        self.client.registry.create_model("support", tags=tags)
        for text in ("It is {{capital}}.", "In {{country}}?"):
            kept = {**_IS_PROMPT, "mlflow.prompt.text": text}
            self.client.registry.create_version("support", "prompt-template", tags=kept)
        pegboard.set_tracking_uri(f"sqlite:{place / 'own.db'}")

    def call(self, endpoint: Any, /, **parameters: Any) -> Any:
        who = Identity("ann", frozenset())
        return endpoint.handle(Call(Host(Config()), who, parameters, {}, tracking_uri=self.uri))

    def bind(self, form: Any = FORM, **more: Any) -> Any:
        text = json.dumps(form).replace("EXPERIMENT", self.experiment)
        return self.call(_BIND, name="support", form=text, **more)

    def state(self, version: str) -> str:
        return str(
            self.call(_READ, name="support", versions=[version])["versions"][version]["state"]
        )

    def run(self, version: str, kindness: float = 0.75) -> tuple[list[Any], Any]:
        """Test as a page does, with a model that repeats what it is told."""
        questions: list[Any] = []
        answers: list[dict[str, Any]] = []
        for _ in range(4):
            found = self.call(_RUN, name="support", version=version, answers=answers)
            if found["outcome"] is not None:
                return questions, found["outcome"]
            for each in found["questions"]:
                said = each["messages"][-1]["content"]
                if each["endpoint"] == "judge":
                    said = json.dumps({"rationale": "so", "result": kindness})
                answers.append({"key": each["key"], "text": said, "input_tokens": 3, "usd": 0.25})
            questions += found["questions"]
        raise AssertionError("it asks for ever")


@pytest.fixture
def house(place: Path) -> House:
    return House(place)


def test_tests_are_bound_run_by_the_caller_and_told_with_what_each_assertion_missed(
    house: House,
) -> None:
    assert house.call(_READ, name="support", versions=["1", "9"]) == {
        "tests": None, "versions": {"1": {"state": "untested"}},
    }  # fmt: skip
    with pytest.raises(InvalidState, match="has no tests"):
        house.call(_RUN, name="support", version="1")
    told = house.bind(fail_under=0.75)["tests"]
    assert {each["name"]: each["words"] for each in told["asserted"]} == {
        "contains": "the answer contains “{{ capital }}”",
        "registered": "kind gives at least 0.5",
        "not-contains": "the answer does not contain “<b>”",
    }
    assert (told["models"], told["data_sets"]) == (
        ["gateway:/small"], [{"name": "cities", "version": "1"}],
    )  # fmt: skip
    [named] = house.call(_READ, name="support")["tests"]["data_sets"]
    assert named["dataset_id"].startswith("d-")

    # Somebody who goes away after the first questions has left nothing.
    begun = house.call(_RUN, name="support", version="1")
    assert [each["endpoint"] for each in begun["questions"]] == ["small"] * 4
    assert begun["questions"][0]["fields"] == {"temperature": 0}
    assert house.client.search_runs([house.experiment, "0"]) == []
    assert house.state("1") == "untested"

    asked, passed = house.run("1")
    assert [each["endpoint"] for each in asked] == ["small"] * 4 + ["judge"] * 4
    assert (passed["state"], passed["why"]) == ("passed", [])
    assert [(each["name"], each["passed"], each["rows"]) for each in passed["measured"]] == [
        ("", 4, 4), ("contains", 4, 4), ("registered", 4, 4), ("not-contains", 4, 4),
    ]  # fmt: skip
    [column] = passed["columns"]
    run = house.client.get_run(column["run_id"])
    assert (run.info.experiment_id, run.info.status) == (house.experiment, "FINISHED")
    assert run.data.tags["mlflow.user"] == "ann"
    assert run.data.metrics["passed/mean"] == 1
    house.client.set_registered_model_alias("support", "production", "1")

    # The champion's answers are known: only the version is asked.
    asked, failed = house.run("2", kindness=0.2)
    assert [each["endpoint"] for each in asked] == ["small"] * 4 + ["judge"] * 4
    kind = next(each for each in failed["measured"] if each["name"] == "registered")
    assert (kind["passed"], kind["least"], kind["worst"]) == (0, 0.5, 0.2)
    assert failed["state"] == "failed"
    assert "0 of 4 cases pass, and 75% have to (contains fails in 4 of 4" in failed["why"][0]
    assert "the worst with 0.2 of 0.5" in failed["why"][0]
    promotion = type("Promotion", (), {"name": "support", "version": "2"})()
    said = gate.prompt_tests(promotion, house.client.registry, Host(Config())).explanation
    assert "contains fails in 4 of 4" in said

    house.bind(fail_under=0.5)
    assert (house.state("1"), house.state("2")) == ("changed", "changed")
    house.call(_UNBIND, name="support")
    assert house.call(_READ, name="support")["tests"] is None
    own = Client(pegboard.get_tracking_uri())
    assert own.search_runs(["0"]) == [], "this process tracks elsewhere"


def test_what_a_caller_cannot_ask_and_what_there_is_not_is_refused_in_words(house: House) -> None:
    latency = {"assert": [{"type": "latency", "value": "2s"}]}
    judged = {"assert": [{"type": "guidelines", "value": ["Be kind."]}]}
    for form, said in (
        ({**FORM, "models": "openai:/gpt-4o"}, "'openai:/gpt-4o', which is no endpoint"),
        ({**FORM, "defaults": latency}, "measures the time that an answer takes"),
        ({**FORM, "defaults": judged}, "the judge 'guidelines' asks"),
        ({**FORM, "repeat": 2}, "each case is asked several times"),
    ):
        house.bind(form)
        with pytest.raises(InvalidState) as refused:
            house.call(_RUN, name="support", version="1")
        assert said in str(refused.value)
        assert "pegboard prompts test support/1" in refused.value.hint
    house.client.registry.create_model("iris")
    house.client.registry.create_version("iris", "s3://b/m")
    many = {**FORM["defaults"], "assert": "contains"}
    for endpoint, given, kind, said in (
        (_READ, {"name": "none"}, NotFound, "There is no prompt named 'none'."),
        (_READ, {"name": "iris"}, InvalidValue, "a registered model, not a prompt"),
        (_RUN, {"name": "iris", "version": "1"}, InvalidValue, "not a prompt"),
        (_UNBIND, {"name": "iris"}, InvalidValue, "not a prompt"),
        (_BIND, {"name": "iris", "form": "{}"}, InvalidValue, "not a prompt"),
        (_RUN, {"name": "support", "version": "9"}, NotFound, "'support' has no version '9'"),
        (
            _RUN, {"name": "support", "version": "1", "experiment_id": "77"}, NotFound, "77",
        ),
        (_BIND, {"name": "support", "form": "{"}, InvalidValue, "is not JSON"),
        (_BIND, {"name": "support", "form": "[]"}, InvalidValue, "is not a JSON object"),
        (
            _BIND, {"name": "support", "form": json.dumps({**FORM, "cases": "datasets:/no"})},
            NotFound, "no data set named 'no'",
        ),
        (
            _BIND, {"name": "support", "form": json.dumps({**FORM, "defaults": many})},
            InvalidValue, "'contains' needs a 'value'",
        ),
        (
            _BIND, {"name": "support", "form": json.dumps({**FORM, "cases": "own.csv"})},
            InvalidValue, "have no files",
        ),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            house.call(endpoint, **given)
        assert said in str(error.value), (given, str(error.value))


def test_what_others_wrote_into_the_tags_is_no_outcome(house: House) -> None:
    house.bind()
    for forged in ("[]", "{}", '{"run_id": 1, "digest": "x", "passed": true}', "nonsense",
                   '{"run_id": "x", "digest": "x", "passed": true, "measured": [{"model": 7}]}',
                   '{"run_id": "x", "digest": "x", "passed": true, "columns": ["a"]}'):  # fmt: skip
        house.client.registry.set_version_tag("support", "1", "pegboard.prompt.tested", forged)
        assert house.state("1") == "untested"
    house.client.registry.set_model_tag("support", "pegboard.prompt.tests", "[]")
    with pytest.raises(InvalidState, match="is not a form"):
        house.call(_READ, name="support")
