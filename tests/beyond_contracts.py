"""What our client does with any server, beyond the contracts of stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard import host
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Dataset, DatasetInput, DatasetSummary, InputTag, Metric

_USED = Dataset("used", "d1", "local", "{}")


class BeyondTheContracts:
    """Tests, given the fixtures ``store`` and ``url``: an empty store behind a server."""

    @pytest.fixture
    def client(self, store: TrackingStore, url: str) -> Iterator[pegboard.Client]:
        host.use(None)
        yield pegboard.Client(url)
        host.current().close()
        host.use(None)

    def test_files_of_a_model_are_written_listed_and_read(
        self, client: pegboard.Client, tmp_path: Path
    ) -> None:
        source = tmp_path / "model"
        (source / "data").mkdir(parents=True)
        (source / "MLmodel").write_text("flavors: {}")
        (source / "data" / "weights.bin").write_bytes(b"\0" * 100_000)
        model_id = client.create_logged_model("0", name="net").model_id
        client.log_model_artifacts(model_id, source)
        client.log_model_artifact(model_id, source / "MLmodel", "extra")
        client.finalize_logged_model(model_id, "READY")
        assert client.get_logged_model(model_id).status == "READY"
        listed = [file.path for file in client.list_logged_model_artifacts(model_id)]
        assert listed == ["MLmodel", "data", "extra"]
        files = client.model_artifacts(model_id)
        for path, content in (
            ("data/weights.bin", b"\0" * 100_000),
            ("extra/MLmodel", b"flavors: {}"),
        ):
            with files.read(path) as stream:
                assert stream.read() == content

    def test_datasets_of_many_experiments_are_found(self, store: TrackingStore) -> None:
        experiments = [store.create_experiment(f"e{n}").experiment_id for n in range(22)]
        tag = InputTag("mlflow.data.context", "training")
        for experiment in (experiments[0], experiments[-1]):
            run_id = store.create_run(experiment).info.run_id
            store.log_inputs(run_id, [DatasetInput(_USED, [tag])])
        assert set(store.search_datasets([*experiments, *experiments])) == {
            DatasetSummary(experiments[0], "used", "d1", "training"),
            DatasetSummary(experiments[-1], "used", "d1", "training"),
        }

    def test_a_reduced_history_keeps_its_spike(self, store: TrackingStore) -> None:
        run_id = store.create_run("0").info.run_id
        points = [Metric("m", 1000.0 if n == 777 else 0.5, 1000 + n, n) for n in range(3000)]
        for start in range(0, 3000, 1000):
            store.log_batch(run_id, metrics=points[start : start + 1000])
        for bounds in ({}, {"start_step": 500, "end_step": 1500}, {"start_step": 500}):
            found = store.sampled_history(run_id, "m", 50, **bounds)
            assert len(found) <= 50
            assert points[777] in found
            assert all(point in points for point in found)
