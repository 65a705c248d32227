"""Data sets as scripts use them: MLflow's names, tables and traces, and versions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard_evaluation import data_sets
from pegboard_evaluation.data_sets import EvaluationDataset

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def made() -> EvaluationDataset:
    return data_sets.create_dataset("qa", tags={"team": "x"})


def question(text: str, **more: Any) -> dict[str, Any]:
    return {"inputs": {"q": text}, **more}


def test_the_names_are_offered_to_scripts() -> None:
    assert pegboard.genai.datasets is data_sets


def test_a_data_set_is_found_by_name_id_and_search(made: EvaluationDataset) -> None:
    assert made.experiment_ids == ["0"]
    assert made.tags["team"] == "x"
    assert made.created_by
    assert made.created_by == made.tags["mlflow.user"]
    assert data_sets.get_dataset(name="qa") == made
    assert data_sets.get_dataset(dataset_id=made.dataset_id) == made
    assert data_sets.search_datasets("0", "tags.team = 'x'", 5, ["name"]) == [made]
    assert data_sets.search_datasets(filter_string="name = 'other'") == []
    data_sets.create_dataset("qa", ["0"])
    with pytest.raises(InvalidValue, match="several"):
        data_sets.get_dataset("qa")
    with pytest.raises(NotFound):
        data_sets.get_dataset('o\'ther "name"')
    for wrong in ({}, {"name": "qa", "dataset_id": made.dataset_id}):
        with pytest.raises(InvalidValue):
            data_sets.get_dataset(**wrong)
    data_sets.delete_dataset(dataset_id=made.dataset_id)
    assert data_sets.get_dataset("qa") != made
    with pytest.raises(InvalidValue):
        data_sets.delete_dataset("qa")


def test_tags_and_experiments_are_changed(made: EvaluationDataset) -> None:
    name = made.dataset_id
    new = pegboard.create_experiment("new")
    data_sets.set_dataset_tags(name, {"team": "y", "n": 1})
    data_sets.delete_dataset_tag(name, "n")
    assert data_sets.add_dataset_to_experiments(name, [new]).experiment_ids == ["0", new]
    found = data_sets.remove_dataset_from_experiments(name, ["0"])
    assert (found.experiment_ids, found.tags["team"]) == ([new], "y")


def test_records_come_from_dicts_and_tables(made: EvaluationDataset) -> None:
    made.merge_records([question("a", expectations={"e": np.float32(1.5)}), question("b")])
    table = pd.DataFrame(
        {
            "inputs": [{"q": "b"}, {"q": "c"}],
            "expectations": [None, {"e": 2}],
            "outputs": [np.array([1, 2]), float("nan")],
            "more": [1, 2],
        }
    )
    assert made.merge_records(table) is made
    found = made.to_df()
    assert list(found["inputs"]) == [{"q": "a"}, {"q": "b"}, {"q": "c"}]
    assert list(found["outputs"]) == [None, [1, 2], None]
    assert list(found["expectations"]) == [{"e": 1.5}, None, {"e": 2}]
    assert list(found["source_type"]) == ["HUMAN", "CODE", "HUMAN"]
    assert {tags["mlflow.user"] for tags in found["tags"]} == {made.created_by}
    assert json.loads(made.profile or "") == {"num_records": 3}
    copy = data_sets.create_dataset("copy").merge_records(found)
    assert copy.digest == made.digest
    unfit: list[Any] = ["text", {"inputs": {}}, [1], 5]
    for wrong in unfit:
        with pytest.raises(InvalidValue):
            made.merge_records(wrong)


class Traced:
    """A trace, as far as records are made of it."""

    info: Any = None

    def __init__(self, told: Any) -> None:
        self.told = told

    def to_dict(self) -> Any:
        return self.told


def test_records_come_from_traces(made: EvaluationDataset) -> None:
    value = {"serialized_value": {"value": '["x"]', "serialization_format": "JSON_FORMAT"}}
    told = {
        "info": {
            "trace_id": "tr-1",
            "trace_metadata": {"mlflow.trace.session": "s"},
            "assessments": [
                {"assessment_name": "answer", "expectation": {"value": "yes"}},
                {"assessment_name": "many", "expectation": value},
                {"assessment_name": "good", "feedback": {"value": True}},
            ],
        },
        "data": {
            "spans": [
                {"parent_span_id": "1", "attributes": {"mlflow.spanInputs": '"no"'}},
                {
                    "parent_span_id": None,
                    "attributes": {"mlflow.spanInputs": '{"q": "a"}', "mlflow.spanOutputs": "7"},
                },
            ]
        },
    }
    made.merge_records([Traced(told)])
    [found] = made.records
    assert (found.inputs, found.outputs) == ({"q": "a"}, 7)
    assert found.expectations == {"answer": "yes", "many": ["x"]}
    assert found.source is not None
    assert found.source.source_data == {"trace_id": "tr-1", "session_id": "s"}
    digest = made.digest
    made.merge_records(pd.DataFrame({"trace": [json.dumps(told)]}))
    assert made.digest == digest


def test_a_version_is_read_compared_and_never_changed(made: EvaluationDataset) -> None:
    made.merge_records([question("a"), question("b")])
    made.merge_records([question("b", outputs=1), question("c")])
    latest, first, empty = made.list_versions()
    assert (latest.operation, empty.operation) == ("1 added, 1 changed", "created")
    assert (first.version, first.records, first.created_by) == (1, 2, made.created_by)
    old = data_sets.get_dataset("qa", version=first)
    assert (old.version, old.digest, old.profile) == (1, first.digest, '{"num_records": 2}')
    assert list(old.to_df()["outputs"]) == [None, None]
    assert data_sets.get_dataset("qa", version=first.digest) == old
    assert [change.kind for change in made.diff(old.digest)] == ["changed", "added"]
    with pytest.raises(InvalidState, match="never changed"):
        old.merge_records([question("d")])
    with pytest.raises(InvalidState):
        old.delete_records([])
    with pytest.raises(NotFound):
        data_sets.get_dataset("qa", version=9)
    assert made.delete_records([made.records[0].record_id]) == 1
    assert len(made.to_df()) == 2


def test_a_run_names_the_version_that_it_uses(made: EvaluationDataset) -> None:
    made.merge_records([question("a")])
    with pegboard.start_run() as run:
        pegboard.log_input(made, context="evaluation")
    made.merge_records([question("b")])
    [used] = pegboard.get_run(run.info.run_id).inputs.dataset_inputs
    assert used.dataset.source_type == "mlflow_evaluation_dataset"
    place = json.loads(used.dataset.source)
    found = data_sets.get_dataset(dataset_id=place["dataset_id"], version=used.dataset.digest)
    assert (place["version"], [each.inputs for each in found.records]) == (1, [{"q": "a"}])


def test_a_run_of_genai_evaluate_names_the_version(made: EvaluationDataset) -> None:
    made.merge_records([question("a", outputs="A"), question("b", outputs="x")])
    before = made.digest

    @pegboard.genai.scorer
    def told(inputs: Any, outputs: Any) -> bool:
        return bool(outputs == inputs["q"].upper())

    result = pegboard.genai.evaluate(made, [told])
    assert result.metrics["told/mean"] == 0.5
    [used] = pegboard.get_run(result.run_id).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("qa", before)
    assert json.loads(used.dataset.source)["dataset_id"] == made.dataset_id
