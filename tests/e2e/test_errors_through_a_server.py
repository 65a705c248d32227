"""What a person reads when a server refuses is what they read of a store of their own.

A server says MLflow's sentence before its own; our client shows the own one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pegboard.config import Config, PegboardConfig
from pegboard.contracts.registry import ModelRegistry
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Param
from pegboard.errors import PegboardError
from pegboard.host import Host
from pegboard_server_process import PegboardServer

Call = Callable[[TrackingStore, ModelRegistry], object]

NOBODY = "f" * 32
RUN, GONE = "a" * 32, "b" * 32

FAULTS: dict[str, Call] = {
    "an unknown run": lambda s, _: s.get_run(NOBODY),
    "a metric of an unknown run": lambda s, _: s.log_batch(NOBODY, metrics=[Metric("a", 1, 1, 1)]),
    "a param of a deleted run": lambda s, _: s.log_batch(GONE, params=[Param("a", "b")]),
    "a param with another value": lambda s, _: s.log_batch(RUN, params=[Param("lr", "2")]),
    "an unknown tag of a run": lambda s, _: s.delete_tag(RUN, "nope"),
    "an unknown tag of an experiment": lambda s, _: s.delete_experiment_tag("1", "nope"),
    "an unknown experiment": lambda s, _: s.get_experiment("777"),
    "a run in an unknown experiment": lambda s, _: s.create_run("777"),
    "a run in a deleted experiment": lambda s, _: s.create_run("2"),
    "a name that is taken": lambda s, _: s.create_experiment("here"),
    "a name that a deleted one has": lambda s, _: s.create_experiment("gone"),
    "two names of a run": lambda s, _: s.create_run(
        "1", run_name="a", tags={"mlflow.runName": "b"}
    ),
    "a filter of no attribute": lambda s, _: s.search_runs(
        ["1"], filter="params.a = 'b' AND x = 1"
    ),
    "a filter that ends too early": lambda s, _: s.search_runs(["1"], filter="params.a ="),
    "an order of nothing": lambda s, _: s.search_runs(["1"], order_by=["metrics.loss UP"]),
    "a filter of experiments": lambda s, _: s.search_experiments(filter="nope = 'x'"),
    "a page that there is not": lambda s, _: s.search_runs(["1"], page_token="nope"),
    "an unknown logged model": lambda s, _: s.logged_models().get("m-nope"),
    "an unknown tag of a logged model": lambda s, _: s.logged_models().delete_tag("m-nope", "a"),
    "an unknown trace": lambda s, _: s.traces().get("tr-nope"),
    "an unknown registered model": lambda _, r: r.get_model("nope"),
    "a registered name that is taken": lambda _, r: r.create_model("m"),
    "an unknown version": lambda _, r: r.get_version("m", "9"),
    "an unknown alias": lambda _, r: r.version_by_alias("m", "champion"),
    "an unknown stage": lambda _, r: r.latest_versions("m", ["Shelf"]),
    "an alias that is reserved": lambda _, r: r.set_alias("m", "v1", "1"),
    "a filter of registered models": lambda _, r: r.search_models(filter="nope = 'x'"),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    """Yield hosts of a store of this process and of one behind a server, which hold the same."""
    place = tmp_path_factory.mktemp("server")
    server = PegboardServer(place)
    opened = []
    for uri in (f"sqlite:{place / 'own.db'}", server.url):
        host = Host(Config(pegboard=PegboardConfig(uri)))
        store, registry = host.tracking_store(), host.model_registry()
        for name in ("here", "gone"):
            store.create_experiment(name)
        store.delete_experiment("2")
        for run_id in (RUN, GONE):
            store.create_run("1", run_id=run_id)
        store.delete_run(GONE)
        store.log_batch(RUN, params=[Param("lr", "1")])
        registry.create_model("m")
        opened.append(host)
    yield opened
    for host in opened:
        host.close()
    server.stop()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_reads_the_same_through_a_server(both: list[Host], fault: str) -> None:
    caught = []
    for host in both:
        with pytest.raises(PegboardError) as error:
            FAULTS[fault](host.tracking_store(), host.model_registry())
        caught.append(error.value)
    own, served = caught
    assert str(served) == str(own)
    assert type(served) is type(own)
    assert (served.message, served.hint) == (own.message, own.hint)
    assert (served.fault, dict(served.facts)) == (own.fault, dict(own.facts))
