"""Scripts that log to a store which keeps no logged models."""

from __future__ import annotations

from collections.abc import Callable

import pegboard
import pytest
from pegboard.errors import NotSupported


@pytest.mark.parametrize(
    "call",
    [
        pegboard.create_external_model,
        pegboard.initialize_logged_model,
        lambda: pegboard.search_logged_models(["0"]),
        lambda: pegboard.get_logged_model("m-1"),
        lambda: pegboard.set_active_model(name="mine"),
        lambda: pegboard.log_metric("m", 1, model_id="m-1"),
        lambda: pegboard.log_model_params({"lr": "1"}, model_id="m-1"),
    ],
    ids=["create", "initialize", "search", "get", "activate", "measure", "params"],
)
def test_a_store_without_logged_models_says_so(call: Callable[[], object]) -> None:
    with pytest.raises(NotSupported, match="does not keep logged models"):
        call()


def test_a_metric_of_a_model_is_refused_whole() -> None:
    client = pegboard.MlflowClient()
    run_id = client.create_run("0").info.run_id
    with pytest.raises(NotSupported, match="does not keep logged models"):
        client.log_metric(run_id, "m", 1, model_id="m-1")
    assert client.get_run(run_id).data.metrics == {}
