"""The gates of approval and evaluation, configured as users do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pegboard.entities import Metric
from pegboard.errors import ConfigError, Refused
from pegboard_scripting.client import Client

Configure = Callable[[str], None]

APPROVAL = '[registry.gates]\nchampion = ["approval"]\nProduction = ["approval"]\n'
EVALUATION = """
[registry.gates]
"*" = ["evaluation"]
[plugins.registry]
evaluation = ["metrics.accuracy > 0.8", "params.lr = '0.1'"]
"""


def _registered(client: Client, **more: str | None) -> None:
    client.create_registered_model("iris")
    client.create_model_version("iris", "s3://b/m", **more)  # type: ignore[arg-type]


def test_an_alias_needs_the_approval_of_another(configure: Configure) -> None:
    configure(APPROVAL)
    client = Client()
    _registered(client)
    with pytest.raises(Refused, match=r"1 person other than its author 'ann'.*iris/1 champion"):
        client.set_registered_model_alias("iris", "champion", "1")
    client.approve_model_version("iris", "1", "champion")
    with pytest.raises(Refused):
        client.set_registered_model_alias("iris", "champion", "1")
    client.approve_model_version("iris", "1", "other", user="bob")
    with pytest.raises(Refused):
        client.set_registered_model_alias("iris", "champion", "1")
    client.approve_model_version("iris", "1", "champion", user="bob")
    client.set_registered_model_alias("iris", "champion", "1")
    assert client.get_model_version_by_alias("iris", "champion").version == "1"
    client.set_registered_model_alias("iris", "free", "1")


def test_a_stage_needs_an_approval_of_its_own_however_it_is_written(configure: Configure) -> None:
    configure(APPROVAL)
    client = Client()
    _registered(client)
    client.approve_model_version("iris", "1", "champion", user="bob")
    for stage in ("Production", "production", "PRODUCTION"):
        with pytest.raises(Refused, match="Production"):
            client.transition_model_version_stage("iris", "1", stage)
    client.transition_model_version_stage("iris", "1", "Staging")
    client.approve_model_version("iris", "1", "production", user="bob")
    moved = client.transition_model_version_stage("iris", "1", "production")
    assert moved.current_stage == "Production"


def test_an_approval_that_is_taken_back_counts_no_more(configure: Configure) -> None:
    configure(APPROVAL)
    client = Client()
    _registered(client)
    client.approve_model_version("iris", "1", "champion", user="bob")
    client.approve_model_version("iris", "1", "champion", user="bob", withdraw=True)
    with pytest.raises(Refused):
        client.set_registered_model_alias("iris", "champion", "1")


def test_the_approval_of_one_version_is_not_that_of_the_next(configure: Configure) -> None:
    configure(APPROVAL)
    client = Client()
    _registered(client)
    client.create_model_version("iris", "s3://b/m")
    client.approve_model_version("iris", "1", "champion", user="bob")
    with pytest.raises(Refused):
        client.set_registered_model_alias("iris", "champion", "2")


def test_several_approvals_may_be_needed(configure: Configure) -> None:
    configure(f"{APPROVAL}[plugins.registry]\napprovals_needed = 2\n")
    client = Client()
    _registered(client)
    for user in ("bob", "bob", "ann"):
        client.approve_model_version("iris", "1", "champion", user=user)
    with pytest.raises(Refused, match=r"2 people.*So far: bob"):
        client.set_registered_model_alias("iris", "champion", "1")
    client.approve_model_version("iris", "1", "champion", user="eve")
    client.set_registered_model_alias("iris", "champion", "1")


def test_the_run_of_a_version_is_evaluated(configure: Configure, alone: Path) -> None:
    configure(EVALUATION)
    client = Client()
    run_id = client.create_run("0").info.run_id
    client.log_param(run_id, "lr", "0.1")
    _registered(client, run_id=run_id)
    with pytest.raises(Refused, match=r"metrics\.accuracy > 0\.8 does not hold.*missing"):
        client.set_registered_model_alias("iris", "champion", "1")
    client.log_batch(run_id, [Metric("accuracy", 0.5, 1)])
    with pytest.raises(Refused, match=r"accuracy is 0\.5"):
        client.transition_model_version_stage("iris", "1", "Staging")
    client.log_batch(run_id, [Metric("accuracy", 0.9, 2, 1)])
    client.set_registered_model_alias("iris", "champion", "1")


def test_what_a_logged_model_measures_goes_before_its_run(configure: Configure) -> None:
    configure(EVALUATION)
    client = Client()
    run_id = client.create_run("0").info.run_id
    client.log_batch(run_id, [Metric("accuracy", 0.1, 1)])
    model = client.create_logged_model("0", "net", run_id, params={"lr": "0.1"})
    client.log_metric(run_id, "accuracy", 0.95, model_id=model.model_id)
    client.log_batch(run_id, [Metric("accuracy", 0.2, 2**50, 9)])
    _registered(client, model_id=model.model_id)
    client.set_registered_model_alias("iris", "champion", "1")


def test_a_logged_model_without_a_run_is_evaluated_too(configure: Configure) -> None:
    configure(
        '[registry.gates]\n"*" = ["evaluation"]\n[plugins.registry]\n'
        "evaluation = [\"params.lr = '0.1'\"]\n"
    )
    client = Client()
    good = client.create_logged_model("0", "net", params={"lr": "0.1"})
    client.create_registered_model("iris")
    client.create_model_version("iris", good.model_uri)
    client.set_registered_model_alias("iris", "champion", "1")
    bad = client.create_logged_model("0", "net", params={"lr": "0.2"})
    client.create_model_version("iris", bad.model_uri)
    with pytest.raises(Refused, match=r"param lr is 0\.2"):
        client.set_registered_model_alias("iris", "champion", "2")


def test_a_version_of_unknown_origin_does_not_pass_an_evaluation(configure: Configure) -> None:
    configure(EVALUATION)
    client = Client()
    _registered(client, run_id="0123456789")
    with pytest.raises(Refused, match="no run"):
        client.set_registered_model_alias("iris", "champion", "1")


@pytest.mark.parametrize("setting", ["", 'evaluation = ["metrics.accuracy >"]', "evaluation = []"])
def test_an_evaluation_that_says_nothing_or_nonsense_lets_nothing_pass(
    configure: Configure, setting: str
) -> None:
    configure(f'[registry.gates]\nchampion = ["evaluation"]\n[plugins.registry]\n{setting}\n')
    client = Client()
    _registered(client)
    with pytest.raises(ConfigError, match="evaluation"):
        client.set_registered_model_alias("iris", "champion", "1")


def test_gates_hold_for_registries_named_in_the_script(configure: Configure, alone: Path) -> None:
    configure(APPROVAL)
    client = Client(f"sqlite:{alone}/other.db")
    _registered(client)
    with pytest.raises(Refused):
        client.set_registered_model_alias("iris", "champion", "1")
