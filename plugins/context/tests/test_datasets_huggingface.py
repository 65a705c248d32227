"""Descriptions of Hugging Face datasets (T9)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from pegboard.entities import Dataset
from pegboard.errors import InvalidValue
from pegboard.targets import resolve
from pegboard_context.plugin import pegboard_dataset_types as types


def described(data: Any, **keywords: Any) -> Dataset:
    [chosen] = [one for one in types() if resolve(one.accepts)(data)]
    assert chosen.name == "huggingface"
    return resolve(chosen.describe)(data, **keywords)


@pytest.fixture
def ds() -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, 0]})


def test_a_dataset_is_described_as_mlflow_does(ds) -> None:
    dataset = described(ds, targets="label", source="data/reviews")
    assert json.loads(dataset.schema or "") == {
        "mlflow_colspec": [
            {"type": "string", "name": "text", "required": True},
            {"type": "long", "name": "label", "required": True},
        ]
    }
    assert json.loads(dataset.profile or "") == {
        "num_rows": 3,
        "dataset_size": None,
        "size_in_bytes": None,
    }
    assert (dataset.name, dataset.source_type) == ("dataset", "local")


def test_the_digest_is_that_of_its_first_rows_as_a_frame(ds) -> None:
    from pegboard_context.datasets.pandas import compute_digest

    assert described(ds).digest == compute_digest(ds.to_pandas())
    long = datasets.Dataset.from_dict({"a": list(range(12_000))})
    assert described(long).digest == compute_digest(pd.DataFrame({"a": range(10_000)}))


def test_the_source_can_name_what_was_loaded(ds) -> None:
    dataset = described(ds, path="team/reviews", data_dir="x", revision="v1")
    assert dataset.source_type == "hugging_face"
    assert json.loads(dataset.source) == {
        "path": "team/reviews",
        "config_name": None,
        "data_dir": "x",
        "data_files": None,
        "split": "None",
        "revision": "v1",
    }


def test_a_dataset_on_disk_and_one_without_rows_are_described(ds, tmp_path: Path) -> None:
    ds.save_to_disk(str(tmp_path / "saved"))
    assert (
        described(datasets.load_from_disk(str(tmp_path / "saved"))).digest == described(ds).digest
    )
    empty = described(ds.select([]))
    assert json.loads(empty.profile or "")["num_rows"] == 0


def test_what_has_no_rows_at_hand_is_refused_with_advice(ds) -> None:
    for whole in (datasets.DatasetDict(train=ds), ds.to_iterable_dataset()):
        with pytest.raises(InvalidValue, match=r"Log one split that is loaded"):
            described(whole)


def test_a_column_that_is_not_there_is_refused(ds) -> None:
    with pytest.raises(InvalidValue, match="The targets column 'no' is not in the data"):
        described(ds, targets="no")
