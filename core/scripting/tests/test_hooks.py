from __future__ import annotations

import logging
from typing import Any

import pegboard
import pytest
from pegboard.entities import RunStatus
from pegboard.hookspecs import hookimpl
from pegboard.host import Host


class Broken:
    """A plugin that fails whenever it is asked."""

    @hookimpl
    def pegboard_run_context(self) -> Any:
        raise RuntimeError("no context")

    @hookimpl
    def pegboard_run_started(self) -> None:
        raise RuntimeError("no start")

    @hookimpl
    def pegboard_run_ending(self) -> None:
        raise RuntimeError("no end")


def test_plugins_learn_how_a_run_was_started_and_how_it_ends(plugin: Any) -> None:
    with pytest.raises(ValueError, match="x"), pegboard.start_run(log_system_metrics=True) as run:
        assert plugin.started == [(run.info.run_id, {"log_system_metrics": True})]
        raise ValueError("x")
    assert plugin.ending == [(run.info.run_id, RunStatus.FAILED)]


def test_plugins_give_tags_and_the_users_own_go_before_them(plugin: Any) -> None:
    plugin.context = {"mlflow.user": "someone", "where": "plugin", "mlflow.runName": "plugin"}
    with pegboard.start_run(tags={"where": "user"}, run_name="mine") as run:
        assert run.info.user_id == "someone"
        assert run.info.run_name == "mine"
        assert run.data.tags["where"] == "user"


def test_a_broken_plugin_harms_no_run_and_is_named_once(
    host: Host, plugin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host.register(Broken(), "broken")
    with caplog.at_level(logging.WARNING, logger="pegboard"):
        for _ in range(2):
            with pegboard.start_run() as run:
                pegboard.log_metric("a", 1)
    assert pegboard.get_run(run.info.run_id).info.status == "FINISHED"
    assert [record.getMessage().split(": ")[-1] for record in caplog.records] == [
        "no context",
        "no start",
        "no end",
    ]
    assert all("'broken'" in record.getMessage() for record in caplog.records)
    assert len(plugin.ending) == 2


def test_t10_settings_of_system_metrics_are_kept_where_plugins_and_child_processes_find_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    pegboard.enable_system_metrics_logging()
    pegboard.set_system_metrics_sampling_interval(2)
    pegboard.set_system_metrics_samples_before_logging(3)
    pegboard.set_system_metrics_node_id("node")
    assert os.environ["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] == "true"
    assert os.environ["MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"] == "2"
    assert os.environ["MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING"] == "3"
    assert os.environ["MLFLOW_SYSTEM_METRICS_NODE_ID"] == "node"
    pegboard.disable_system_metrics_logging()
    pegboard.set_system_metrics_sampling_interval(None)
    assert os.environ["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] == "false"
    assert "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL" not in os.environ
    with pytest.raises(pegboard.PegboardError, match="above 0"):
        pegboard.set_system_metrics_sampling_interval(0)
