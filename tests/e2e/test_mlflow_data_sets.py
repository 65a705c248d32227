"""Data sets for evaluation of MLflow's own client package, unchanged, against our server."""

from __future__ import annotations

from pathlib import Path

import pytest
from served import run_script, serving

SCRIPT = """
import pandas
from mlflow.exceptions import MlflowException
from mlflow.genai import datasets
from mlflow.tracking._tracking_service.utils import _get_store

mlflow.set_experiment("evaluated")
other = mlflow.create_experiment("other")
answer = {}

made = datasets.create_dataset("qa", tags={"team": "x", "n": "1"})
answer["made"] = [
    made.name, made.schema, made.profile, made.experiment_ids, made.created_by is not None,
    {key: value for key, value in made.tags.items() if key != "mlflow.user"},
]
made.merge_records([
    {"inputs": {"q": "a"}, "expectations": {"e": 1}},
    {"inputs": {"q": "b", "n": [1.5, None]}, "outputs": "said"},
])
made.merge_records(pandas.DataFrame({
    "inputs": [{"q": "a"}, {"q": "c"}], "expectations": [{"f": "x"}, {"e": 2}]
}))

@mlflow.trace
def ask(q):
    return {"answer": q.upper()}

ask("d")
mlflow.flush_trace_async_logging()
trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
mlflow.log_expectation(trace_id=trace.info.trace_id, name="answer", value="D")
made.merge_records(mlflow.search_traces())

found = datasets.get_dataset(name="qa")
answer["found"] = [found.dataset_id == made.dataset_id, found.digest != made.digest]
answer["about"] = [json.loads(found.schema), json.loads(found.profile)]
frame = found.to_df()
answer["columns"] = list(frame.columns)
answer["records"] = [
    [row.inputs, row.outputs, row.expectations, row.source_type, row.source.source_type.value]
    for row in frame.itertuples()
]
answer["source"] = frame["source_id"][3] == trace.info.trace_id
answer["users"] = [
    {record.created_by, record.last_updated_by} == {made.created_by}
    for record in found._mlflow_dataset.records
]
answer["loaded"] = [len(page) for page in (
    _get_store()._load_dataset_records(found.dataset_id, max_results=3)[0],
    _get_store()._load_dataset_records(found.dataset_id)[0],
)]
answer["removed"] = found.delete_records([frame["dataset_record_id"][1], "dr-unknown"])
answer["left"] = [inputs["q"] for inputs in found.to_df()["inputs"]]

datasets.set_dataset_tags(made.dataset_id, {"team": "y", "more": 5})
datasets.delete_dataset_tag(made.dataset_id, "n")
answer["tags"] = {
    key: value for key, value in datasets.get_dataset(dataset_id=made.dataset_id).tags.items()
    if key != "mlflow.user"
}
both = datasets.add_dataset_to_experiments(made.dataset_id, [other])
answer["added"] = sorted(both.experiment_ids) == sorted([other, *made.experiment_ids])
one = datasets.remove_dataset_from_experiments(made.dataset_id, [other, "77"])
answer["taken"] = one.experiment_ids == made.experiment_ids

datasets.create_dataset("qb", experiment_id=[other])
def names(**asked):
    return [each.name for each in datasets.search_datasets(**asked)]
answer["searches"] = [
    names(order_by=["name ASC"]),
    names(experiment_ids=other),
    names(filter_string="name LIKE 'q%' AND tags.team = 'y'"),
    names(filter_string="created_time > 0", order_by=["name DESC"], max_results=1),
]
with mlflow.start_run() as run:
    mlflow.log_input(found, context="eval")
[used] = [each.dataset for each in mlflow.get_run(run.info.run_id).inputs.dataset_inputs]
answer["used"] = [
    used.name, used.source_type, used.digest == found.digest,
    json.loads(used.source) == {"dataset_id": made.dataset_id},
]

@mlflow.genai.scorer
def told(outputs, inputs):
    return outputs == inputs["q"].upper()

result = mlflow.genai.evaluate(data=found, predict_fn=lambda q: q.upper(), scorers=[told])
[used] = mlflow.get_run(result.run_id).inputs.dataset_inputs
answer["evaluated"] = [result.metrics, used.dataset.digest == found.digest]

def refused(call):
    try:
        call()
    except MlflowException as error:
        return [error.error_code, error.message]
answer["refused"] = [
    refused(lambda: datasets.get_dataset(dataset_id="d-1")),
    refused(lambda: datasets.create_dataset("x", experiment_id="77")),
    refused(lambda: datasets.search_datasets(filter_string="nonsense = 'x'")),
]
datasets.delete_dataset(dataset_id=made.dataset_id)
datasets.delete_dataset(dataset_id=made.dataset_id)
answer["gone"] = names()
"""


@pytest.fixture(scope="module")
def answer(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    place = tmp_path_factory.mktemp("place")
    with serving(place) as url:
        found = run_script(mlflow_python, url, place, SCRIPT)
    assert isinstance(found, dict)
    return found


FIELDS = {
    "inputs": {"q": "string", "n": "array"},
    "outputs": "string",
    "expectations": {"e": "integer", "f": "string", "answer": "string"},
    "version": "1.0",
}
COLUMNS = [
    "inputs",
    "outputs",
    "expectations",
    "tags",
    "source_type",
    "source_id",
    "source",
    "created_time",
    "dataset_record_id",
]
RECORDS = [
    [{"q": "a"}, None, {"e": 1, "f": "x"}, "HUMAN", "HUMAN"],
    [{"q": "b", "n": [1.5, None]}, "said", None, "CODE", "CODE"],
    [{"q": "c"}, None, {"e": 2}, "HUMAN", "HUMAN"],
    [{"q": "d"}, {"answer": "D"}, {"answer": "D"}, "TRACE", "TRACE"],
]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("made", ["qa", None, None, ["1"], True, {"team": "x", "n": "1"}]),
        ("found", [True, True]),
        ("about", [FIELDS, {"num_records": 4}]),
        ("columns", COLUMNS),
        ("records", RECORDS),
        ("source", True),
        ("users", [True] * 4),
        ("loaded", [3, 4]),
        ("removed", 1),
        ("left", ["a", "c", "d"]),
        ("tags", {"team": "y", "more": "5"}),
        ("added", True),
        ("taken", True),
        ("searches", [["qa", "qb"], ["qb"], ["qa"], ["qb"]]),
        ("used", ["qa", "mlflow_evaluation_dataset", True, True]),
        ("evaluated", [{"told/mean": 1.0}, True]),
        ("gone", ["qb"]),
    ],
)
def test_mlflows_data_sets_work(answer: dict[str, object], what: str, expected: object) -> None:
    assert answer[what] == expected


def test_refusals_have_the_codes_and_words_of_mlflow(answer: dict[str, object]) -> None:
    refused = answer["refused"]
    assert isinstance(refused, list)
    for (code, said), (expected, words) in zip(
        refused,
        [
            ("RESOURCE_DOES_NOT_EXIST", "Evaluation dataset with id 'd-1' not found"),
            ("RESOURCE_DOES_NOT_EXIST", "No Experiment with id=77"),
            ("INVALID_PARAMETER_VALUE", "Invalid attribute key 'nonsense' specified"),
        ],
        strict=True,
    ):
        assert (code, words in said) == (expected, True), said
