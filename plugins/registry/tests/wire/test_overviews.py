from __future__ import annotations

from pegboard.config import Config
from pegboard.entities import Dataset, DatasetInput, Metric
from pegboard.errors import InvalidValue, NotFound
from pegboard.hookspecs import hookimpl
from pegboard.host import Host
from pegboard_registry.hookspecs import Gate, Verdict
from pegboard_testing.targets import target_of

BASE = "/api/pegboard/1.0/registry"


def filled(wire, runs=2):
    """Register a version of each of some runs, and return the ids of the runs."""
    wire.post("registered-models/create", name="birds", description="of *songs*")
    ids = []
    for number in range(1, runs + 1):
        run, place = wire.run(MLmodel="flavors: {}")
        points = [Metric("acc", number / 10, 1, 1), Metric("system/x", 1, 1, 1)]
        wire.store.log_batch(run, metrics=points)
        data = DatasetInput(Dataset("clips", f"d{number}", "local", "{}"))
        wire.store.log_inputs(run, [data])
        wire.post("model-versions/create", name="birds", source=place, run_id=run)
        ids.append(run)
    return ids


def test_a_model_comes_with_its_versions_runs_and_history_in_one_answer(wire) -> None:
    first, second = filled(wire)
    wire.post("registered-models/alias", name="birds", alias="champion", version="1")
    found = wire.get(f"{BASE}/model", name="birds")
    assert found["model"]["description"] == "of *songs*"
    assert [each["version"] for each in found["versions"]] == ["2", "1"]
    assert {run: told["metrics"] for run, told in found["runs"].items()} == {
        first: {"acc": 0.1},
        second: {"acc": 0.2},
    }
    assert found["runs"][first]["data"][0]["digest"] == "d1"
    assert [each["kind"] for each in found["changes"]] == ["alias", "version", "version"]
    assert found["stages"] == ["None", "Staging", "Production", "Archived"]
    assert (found["gates"], found["more_changes"], found["next_page_token"]) == ({}, False, "")


def test_what_aliases_point_at_is_told_though_it_is_on_another_page(wire) -> None:
    first, second, third = filled(wire, runs=3)
    wire.post("registered-models/alias", name="birds", alias="champion", version="1")
    page = wire.get(f"{BASE}/model", name="birds", limit=1)
    assert [each["version"] for each in page["versions"]] == ["3"]
    assert [each["version"] for each in page["aliased"]] == ["1"]
    assert set(page["runs"]) == {first, third}
    token = page["next_page_token"]
    rest = wire.get(f"{BASE}/model", name="birds", limit=1, page_token=token)
    assert [each["version"] for each in rest["versions"]] == ["2"]
    assert second in rest["runs"]


def test_numbers_that_json_lacks_and_runs_that_are_gone_do_no_harm(wire) -> None:
    (run,) = filled(wire, runs=1)
    wire.store.log_batch(run, metrics=[Metric("loss", float("nan"), 1, 1)])
    wire.post("model-versions/create", name="birds", source="s3://bucket/m")
    found = wire.get(f"{BASE}/model", name="birds")
    assert found["runs"][run]["metrics"]["loss"] == "NaN"
    assert set(found["runs"]) == {run}


def test_the_list_of_models_says_who_is_champion_since_when_and_by_which_number(wire) -> None:
    _, run = filled(wire)
    wire.post("registered-models/create", name="100%_empty")
    for version in ("1", "2"):
        wire.headers = {"x-pegboard-reason": "better"}
        wire.post("registered-models/alias", name="birds", alias="champion", version=version)
    found = wire.get(f"{BASE}/models")
    empty, birds = sorted(found["models"], key=lambda each: each["model"]["name"])
    assert (empty["newest"], empty["aliased"], empty["moves"]) == (None, [], [])
    assert birds["newest"]["version"] == "2"
    assert [each["version"] for each in birds["aliased"]] == ["2"]
    (move,) = birds["moves"]
    assert (move["key"], move["before"], move["after"]) == ("champion", "1", "2")
    assert move["reason"] == "better"
    assert found["runs"][run]["metrics"] == {"acc": 0.2}


def test_models_are_found_by_words_and_by_filters(wire) -> None:
    for name in ("birds-songs", "birds-nests", "it's 100%"):
        wire.post("registered-models/create", name=name)
    wire.post("registered-models/set-tag", name="birds-nests", key="team", value="field")

    def names(**fields):
        return {each["model"]["name"] for each in wire.get(f"{BASE}/models", **fields)["models"]}

    assert names(words="SONG bird") == {"birds-songs"}
    assert names(words="it's") == {"it's 100%"}
    assert names(filter="tags.team = 'field'") == {"birds-nests"}
    assert names(words="owl") == set()
    page = wire.get(f"{BASE}/models", limit=2)
    assert len(page["models"]) == 2
    assert len(wire.get(f"{BASE}/models", page_token=page["next_page_token"])["models"]) == 1


def test_a_version_says_what_it_comes_from_and_what_came_of_it(wire) -> None:
    model_id, _ = wire.logged_model(MLmodel="flavors: {}")
    run, _ = wire.run()
    wire.post("registered-models/create", name="birds")
    wire.post("registered-models/create", name="field")
    source = f"models:/{model_id}"
    wire.post("model-versions/create", name="birds", source=source, run_id=run, model_id=model_id)
    wire.post("model-versions/create", name="field", source="models:/birds/1")
    found = wire.get(f"{BASE}/version", name="birds", version="1")
    assert found["run"]["run_id"] == run
    assert found["logged_model"]["model_id"] == model_id
    assert [(each["name"], each["version"]) for each in found["copies"]] == [("field", "1")]
    assert [each["kind"] for each in found["changes"]] == ["version"]
    assert isinstance(wire.refused("GET", f"{BASE}/version", name="birds", version="7"), NotFound)
    assert isinstance(wire.refused("GET", f"{BASE}/version", name="birds"), InvalidValue)


def test_a_promotion_is_thought_about_without_being_made(wire) -> None:
    filled(wire)
    asked = {"name": "birds", "version": "2", "key": "champion"}
    assert wire.get(f"{BASE}/check", **asked) == {"before": None, "gates": [], "approvals": []}
    wire.post("registered-models/alias", name="birds", alias="champion", version="1")
    wire.post(f"{BASE}/approvals", **asked)
    found = wire.get(f"{BASE}/check", **asked)
    assert found["before"] == "1"
    assert [each["user"] for each in found["approvals"]] == ["tester"]
    assert wire.get("registered-models/get", name="birds")["registered_model"]["aliases"] == [
        {"alias": "champion", "version": "1"}
    ]


class Gates:
    """A plugin with gates of all sorts."""

    @hookimpl
    def pegboard_gates(self):
        return [
            Gate("no", target_of(lambda *_: Verdict(False, "not today")), "No."),
            Gate("yes", target_of(lambda *_: Verdict(True, "of course")), "Yes."),
            Gate("broken", target_of(lambda *_: 1 / 0), "Broken."),
        ]


def test_each_gate_is_heard_also_one_that_fails(tmp_path, wire) -> None:
    gates = {"champion": ["no", "broken", "missing", "approval"], "*": ["yes"]}
    governed = Host(Config(plugins={"registry": {"gates": gates}}))
    governed.register(Gates(), "gates-of-all-sorts")
    wire = type(wire)(governed, f"sqlite:{tmp_path}/governed.db")
    try:
        wire.post("registered-models/create", name="birds")
        wire.post("model-versions/create", name="birds", source="s3://bucket/m")
        asked = {"name": "birds", "version": "1"}
        told = wire.get(f"{BASE}/check", **asked, key="champion")["gates"]
        found = {each["name"]: each for each in told}
        assert [*found] == ["no", "broken", "missing", "approval", "yes"]
        assert found["no"] == {"name": "no", "passed": False, "explanation": "not today"}
        assert found["yes"]["passed"] is True
        assert "division by zero" in found["broken"]["explanation"]
        assert "is not a gate" in found["missing"]["explanation"]
        assert "it needs the approval of 1 person" in found["approval"]["explanation"]
        free = wire.get(f"{BASE}/check", **asked, key="Staging", kind="stage")
        assert [each["name"] for each in free["gates"]] == ["yes"]
        assert free["before"] == "None"
        rules = wire.get(f"{BASE}/model", name="birds")
        assert (rules["gates"], rules["approvals_needed"]) == (gates, 1)
    finally:
        governed.close()
