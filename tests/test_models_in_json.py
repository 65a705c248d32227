"""A store written the way of the guide keeps models: ``json:``, over mappings of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pegboard
import pegboard.sklearn
import pytest
from pegboard.entities import LoggedModelStatus
from pegboard_testing.isolation import separate_tracking
from sklearn.linear_model import LinearRegression

INPUTS = np.arange(12.0).reshape(6, 2)


@pytest.fixture(autouse=True)
def place(tmp_path: Path) -> Iterator[Path]:
    """Track to JSON files in a directory of the test."""
    with separate_tracking(tmp_path):
        pegboard.set_tracking_uri(f"json:{tmp_path / 'store'}")
        yield tmp_path / "store"


def test_a_model_is_logged_and_loaded_back(place: Path) -> None:
    model = LinearRegression().fit(INPUTS, INPUTS.sum(axis=1))
    with pegboard.start_run() as run:
        logged = pegboard.sklearn.log_model(model, name="sum", input_example=INPUTS)
        pegboard.log_metric("error", 0.25, model_id=logged.model_id)
    again = pegboard.sklearn.load_model(logged.model_uri)
    np.testing.assert_allclose(again.predict(INPUTS), INPUTS.sum(axis=1))
    generic = pegboard.pyfunc.load_model(f"models:/{logged.model_id}")
    np.testing.assert_allclose(generic.predict(INPUTS), INPUTS.sum(axis=1))
    [found] = pegboard.search_logged_models(output_format="list")
    assert (found.name, found.status) == ("sum", LoggedModelStatus.READY)
    assert [(point.key, point.value) for point in found.metrics] == [("error", 0.25)]
    [made] = pegboard.get_run(run.info.run_id).outputs.model_outputs
    assert made.model_id == logged.model_id
    assert (place / "models" / f"{logged.model_id}.json").is_file()
