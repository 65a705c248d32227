"""The runner under contract, and what can become of a job in a queue."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import attrs
import pytest
from pegboard import settings as structuring
from pegboard.errors import ConfigError, StoreError
from pegboard_projects import Job, Outcome, Runner, RunnerContract, Submitted
from pegboard_slurm import commands
from pegboard_slurm.commands import Number
from pegboard_slurm.runner import Slurm
from pegboard_slurm.settings import Settings

from .conftest import Cluster

SERVER = "http://tracking.example.org:5000"
SECONDS = 60


class TestSlurm(RunnerContract):
    tracking_uri = SERVER

    @pytest.fixture(autouse=True)
    def _of_a_cluster(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def runner(self) -> Runner:
        return Slurm()

    def runner_settings(self) -> Settings:
        return self.cluster.settings


def submitted(
    cluster: Cluster, command: str, log: list[bytes] | None = None, **changes: object
) -> Submitted:
    """Give a command to the queue."""
    variables = {
        "PATH": os.environ["PATH"],
        "MLFLOW_TRACKING_TOKEN": "it's 1hush",
        "PEGBOARD_KEY": "2hush",
        "HERE": "x",
    }
    job = Job(
        run_id="0" * 32,
        name="two words\n",
        command=command,
        directory=cluster.root,
        variables=variables,
        settings=attrs.evolve(cluster.settings, **changes),
        grace_seconds=0.2,
    )
    return Slurm().submit(job, (log if log is not None else []).append)


def ended(job: Submitted) -> Outcome:
    outcome = job.wait(SECONDS)
    assert outcome is not None
    return outcome


FATES = {
    "FAILED 3:0": (3, ""),
    "FAILED 0:9": (137, ""),
    "FAILED 0:0": (None, "ended as FAILED, without an exit code"),
    "TIMEOUT 0:0": (None, "longer than its limit of time"),
    "OUT_OF_MEMORY 0:125": (None, "more memory"),
    "NODE_FAIL 1:0": (1, "its node failed"),
    "PREEMPTED 0:0": (None, "give way"),
    "CANCELLED 0:0": (None, "not by this run"),
}


@pytest.mark.parametrize(("fate", "expected"), FATES.items(), ids=FATES)
def test_states_become_outcomes(
    fate: str, expected: tuple[int | None, str], cluster: Cluster
) -> None:
    code, reason = expected
    cluster.has("fate", fate)
    log: list[bytes] = []
    outcome = ended(submitted(cluster, "echo so", log))
    assert (outcome.code, outcome.cancelled) == (code, False)
    assert (reason in outcome.reason) if reason else outcome.reason == ""
    assert b"".join(log) == b"so\n"
    assert outcome.usage == {"cpu_seconds": 62.5, "memory_bytes": 2048 * 1024}


@pytest.mark.parametrize("missing", [("no_accounts",), ("forgets",), ("no_accounts", "forgets")])
def test_the_exit_code_is_found_whoever_knows_it(
    missing: tuple[str, ...], cluster: Cluster
) -> None:
    for name in missing:
        cluster.has(name)
    assert ended(submitted(cluster, "exit 7")).code == 7


def test_a_job_that_begins_again_is_followed_on(cluster: Cluster) -> None:
    cluster.has("fate", "REQUEUE")
    log: list[bytes] = []
    outcome = ended(submitted(cluster, "echo $HERE $MLFLOW_TRACKING_TOKEN", log))
    assert (outcome.code, outcome.reason) == (0, "")
    assert b"".join(log) == b"x it's 1hush\n" * 2


def test_a_controller_that_is_gone_is_waited_for_so_long(cluster: Cluster) -> None:
    go = cluster.root / "go"
    command = f"touch {go}.begun; while [ ! -e {go} ]; do sleep 0.05; done"
    patient = submitted(cluster, command)
    hasty = submitted(cluster, command, patience_seconds=0)
    cluster.has("down")
    outcome = ended(hasty)
    assert outcome.code is None
    assert "connect failure" in outcome.reason
    patient.cancel()  # That it is not heard at first does not lose it.
    assert patient.wait(0.2) is None
    (cluster.root / "down").unlink()
    assert ended(patient).cancelled
    go.touch()


def test_a_refusal_begins_nothing(cluster: Cluster) -> None:
    with pytest.raises(StoreError, match="invalid partition"):
        submitted(cluster, "true", partition="nowhere")
    assert list(Path(cluster.settings.directory).iterdir()) == []


def test_what_is_secret_is_in_a_file_of_its_owner(cluster: Cluster, tmp_path: Path) -> None:
    go = tmp_path / "go"
    job = submitted(
        cluster,
        f"while [ ! -e {go} ]; do sleep 0.05; done",
        partition="debug",
        cpus=2,
        gpus="a100:1",
        options=["--constraint=a b"],
        tracking_uri="http://inside:80",
    )
    tags = job.describe()
    assert tags["pegboard.slurm.job"] == "1"
    folder = Path(tags["pegboard.slurm.directory"])
    text = (folder / "variables.sh").read_text()
    assert "MLFLOW_TRACKING_URI=http://inside:80\n" in text
    assert "2hush" in text
    # It opens the server here, not that one.
    assert "1hush" not in text
    assert "hush" not in "".join(cluster.words(1)) + (folder / "job.sh").read_text()
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, folder / "variables.sh")] == [
        0o700,
        0o600,
    ]
    said = cluster.words(1)
    assert {"--job-name=two words", "--gpus=a100:1", "--constraint=a b"} < set(said)
    go.touch()
    assert ended(job).code == 0
    assert not folder.exists()


REFUSED = [
    {"options": ["-p"]},
    {"options": ["--comment", "x"]},
    {"options": ["debug"]},
    {"options": ["--wrap=touch x"]},
    {"options": ["--out=/etc/passwd"]},
    {"options": ["--comment=a\nb"]},
    {"partition": "a\nb"},
    {"cpus": 0},
    {"poll_seconds": 0},
]


@pytest.mark.parametrize("given", REFUSED, ids=str)
def test_options_that_could_mean_something_else_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        structuring.structure(Settings, given, "here")


@pytest.mark.parametrize("uri", ["sqlite:runs.db", "/data/runs", "http://127.0.0.1:5000"])
def test_a_store_that_nodes_cannot_reach_is_refused(uri: str, cluster: Cluster) -> None:
    with pytest.raises(ConfigError, match="tracking URI"):
        Slurm().check(cluster.settings, uri)
    Slurm().check(attrs.evolve(cluster.settings, tracking_uri=SERVER), uri)


def test_without_slurm_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="sbatch is not on PATH"):
        Slurm().check(Settings(), SERVER)


def test_numbers_are_read_as_slurm_writes_them() -> None:
    assert Number.read("12;other\n") == Number("12", "other")
    assert Number("12", "other").words() == ["--clusters=other"]
    assert [commands._seconds(each) for each in ("", "00:01.250", "01:00:00", "2-00:00:01")] == [
        0.0,
        1.25,
        3600.0,
        172_801.0,
    ]
    with pytest.raises(StoreError):
        Number.read("sbatch: warning")
