"""Our server as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from pegboard.config import Config
from pegboard.entities import LifecycleStage, ViewType
from pegboard.host import Host
from pegboard_stores.data_sets import DataSets
from pegboard_stores.reviews import LabelSchemas, ReviewQueues
from pegboard_stores.scorers import Scorers

COMMAND = Path(sys.executable).with_name("pegboard")


class PegboardServer:
    """A process of our server, which may die and come up again at its address."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.database = place / "store.db"
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            self.port = chosen.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        options = ("--store", f"sqlite:{self.database}", "--port", str(self.port))
        with (self.place / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [str(COMMAND), "server", *options, "--no-access-log"],
                cwd=self.place,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        assert "Listening" in self.process.stdout.readline(), (
            self.place / "server.log"
        ).read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def clear(self) -> None:
        """Bring the store back to what it was when it was new, behind the server's back."""
        opened = Host(Config())
        store = opened.tracking_store(f"sqlite:{self.database}")
        models, traces, data_sets = store.logged_models(), store.traces(), store.ability(DataSets)
        assert data_sets is not None
        for data_set in data_sets.search():
            data_sets.delete(data_set.data_set_id)
        scorers = store.ability(Scorers)
        assert scorers is not None
        for scorer in scorers.latest():
            scorers.delete(scorer.experiment_id, scorer.name)
        schemas, queues = store.ability(LabelSchemas), store.ability(ReviewQueues)
        assert schemas is not None
        assert queues is not None
        for queue in queues.list("0"):
            queues.delete(queue.queue_id)
        for schema in schemas.list("0"):
            if not schema.is_default:
                schemas.delete(schema.schema_id)
        for model in models.deleted():
            models.purge(model.model_id)
        for experiment in store.search_experiments(view=ViewType.ALL):
            experiment_id = experiment.experiment_id
            for model in models.search([experiment_id]):
                models.delete(model.model_id)
                models.purge(model.model_id)
            traces.delete(experiment_id, max_timestamp=1 << 62)
            for run in store.search_runs([experiment_id], view=ViewType.ALL):
                store.delete_run(run.info.run_id)
                store.purge_run(run.info.run_id)
            if experiment.lifecycle_stage is LifecycleStage.DELETED:
                store.restore_experiment(experiment_id)
            for key in experiment.tags:
                store.delete_experiment_tag(experiment_id, key)
            if experiment_id == "0":
                store.rename_experiment("0", "Default")
            else:
                store.delete_experiment(experiment_id)
                store.purge_experiment(experiment_id)
        opened.close()
