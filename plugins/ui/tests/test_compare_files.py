"""Which files runs have in common, asked of a real server; and where code and data differ."""

from __future__ import annotations

import io
from urllib.parse import urlencode

import pytest
from pegboard import tags
from pegboard.config import Config
from pegboard.entities import Dataset, DatasetInput, RunTag
from pegboard.host import Host

from .conftest import served

BASE = "/api/pegboard/1.0/runs/compare"
WHEN = "timestamp+1+0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve a store with two runs that have files, and one whose files lie elsewhere."""
    place = tmp_path_factory.mktemp("files")
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{place}/s.db")
    elsewhere = store.create_experiment(
        "elsewhere", artifact_location="s3://bucket/x"
    ).experiment_id
    ids = []
    for number, experiment in enumerate(["0", "0", elsewhere]):
        run = store.create_run(experiment, run_name=f"run-{number}", user_id="a", start_time=1)
        ids.append(run.info.run_id)
        if number == 2:
            break
        files = host.artifact_store(store.located(run.info.artifact_uri))
        for step in (10, 2 - number):
            files.write(f"images/val~saliency+step+{step}+{WHEN}.png", io.BytesIO(b"png"))
            files.write(
                f"images/val~saliency+step+{step}+{WHEN}+compressed.webp", io.BytesIO(b"webp")
            )
        files.write("plots/roc.png", io.BytesIO(b"png"))
        files.write("config.yaml", io.BytesIO(b"lr: 1" * (number + 1)))
        files.write("model/MLmodel", io.BytesIO(b"flavors: {}"))
        files.write("model/weights.bin", io.BytesIO(b"0"))
        store.log_batch(
            ids[-1],
            tags=[RunTag(tags.GIT_COMMIT, f"{number}" * 40), RunTag(tags.GIT_DIRTY, "true")],
        )
        store.log_inputs(ids[-1], [DatasetInput(Dataset("clips", f"d{number}", "local", "{}"))])
    host.close()
    with served(place, "server", "--store", f"sqlite:{place}/s.db", "--port", "0") as found:
        yield found, ids


def ask(site, path="/files", **fields):
    return site.get(f"{BASE}{path}?{urlencode(fields, doseq=True)}")


def test_images_come_by_key_and_step_and_texts_by_path(site):
    server, (first, second, _) = site
    found = ask(server, run_ids=[first, second]).json
    assert [*found["images"]] == ["val/saliency"]
    steps = {run: [step for step, _ in found["images"]["val/saliency"][run]] for run in site[1][:2]}
    assert steps == {first: [2, 10], second: [1, 10]}
    assert found["pictures"] == {"plots/roc.png": [first, second]}
    assert found["texts"]["config.yaml"] == {first: 5, second: 10}
    assert [*found["texts"]] == ["config.yaml", "model/MLmodel"]
    assert (found["more"], found["errors"]) == ([], {})


def test_files_that_are_elsewhere_are_an_explanation_and_not_a_failure(site):
    server, (first, _, elsewhere) = site
    found = ask(server, run_ids=[first, elsewhere, "f" * 32]).json
    assert found["texts"]["config.yaml"] == {first: 5}
    assert "not in a place that this server hands out" in found["errors"][elsewhere]
    assert found["errors"]["f" * 32] == "There is no such run."
    assert ask(server, run_ids=["a"] * 13).status == 400


def test_code_and_data_are_rows_where_a_run_tells_them(site):
    server, (*_, third) = site
    rows = {row["column"]: row for row in ask(server, "", run_ids=site[1]).json["rows"]}
    assert rows["attributes.code"]["values"] == ["0000000000, edited", "1111111111, edited", None]
    assert rows["attributes.data"]["values"] == ["clips@d0", "clips@d1", None]
    alone = [row["column"] for row in ask(server, "", run_ids=[third]).json["rows"]]
    assert "attributes.code" not in alone
