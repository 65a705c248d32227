"""``pegboard.transformers``: pipelines of runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard import config, host

TEXTS = ["the cat sat", "a dog ran"]


@pytest.fixture(autouse=True)
def tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    for variable in ("PEGBOARD_TRUST_PICKLE", *config.ENVIRONMENT):
        monkeypatch.delenv(variable, raising=False)
    host.use(host.Host(config.Config()))
    pegboard.set_tracking_uri(f"sqlite:{tmp_path}/tracking.db")
    yield
    host.current().close()
    pegboard.set_tracking_uri(None)
    host.use(None)


def test_a_pipeline_is_logged_and_loaded(make: Callable[[str], Any]) -> None:
    pipeline = make("text-classification")
    with pegboard.start_run():
        info = pegboard.transformers.log_model(pipeline, name="classifier", input_example=TEXTS)
    loaded = pegboard.transformers.load_model(info.model_uri)
    assert loaded(TEXTS) == pipeline(TEXTS)
    generic = pegboard.pyfunc.load_model(info.model_uri)
    assert generic.predict(TEXTS)["label"].tolist() == [row["label"] for row in pipeline(TEXTS)]
    assert generic.metadata.signature.outputs.input_names() == ["label", "score"]


def test_the_parts_of_a_pipeline_are_loaded(make: Callable[[str], Any]) -> None:
    pipeline = make("text-classification")
    with pegboard.start_run():
        info = pegboard.transformers.log_model(pipeline, name="classifier")
    parts = pegboard.transformers.load_model(info.model_uri, return_type="components")
    assert set(parts) == {"model", "tokenizer", "task"}
    assert parts["task"] == "text-classification"
    with pytest.raises(pegboard.errors.InvalidValue, match="return_type"):
        pegboard.transformers.load_model(info.model_uri, return_type="everything")
