"""The runner under contract, and what can become of runs in a real cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import attrs
import pegboard
import pytest
from pegboard import host
from pegboard.errors import ConfigError, InvalidState
from pegboard_projects import Job, Left, Outcome, Runner, RunnerContract, Submitted
from pegboard_ray import bridge, parcels
from pegboard_ray.runner import JOB, NODE, Ray
from pegboard_ray.settings import Settings
from pegboard_testing.isolation import separate_tracking
from ray.cluster_utils import Cluster

PEGBOARD = Path(sys.executable).with_name("pegboard")
SERVER = "http://tracking.example.org"
SECONDS = 60
CALLING = """
import pickle
from pegboard_ray import calling
from pegboard_ray.bridge import Bridge

cluster = Bridge("local")
function, given = calling.dumped(dict), calling.dumped({"n": 7})
print(cluster.address, *pickle.loads(cluster.ask("call", "digest", function, given, 0.1)))
cluster.close()
"""
ASKING = """
import ray

ray.init(log_to_driver=False)
print(ray.get(ray.remote(lambda: 7).remote()))
"""


class TestRay(RunnerContract):
    @pytest.fixture(autouse=True)
    def _of_a_cluster(self, settings: Settings) -> None:
        self.chosen = settings

    def runner(self) -> Runner:
        return Ray()

    def runner_settings(self) -> Settings:
        return self.chosen


class Log:
    """Takes output; ``wait_for`` waits until a text is in it."""

    def __init__(self) -> None:
        self.data = b""

    def __call__(self, piece: bytes) -> None:
        self.data += piece

    def wait_for(self, text: bytes) -> None:
        deadline = time.monotonic() + SECONDS
        while text not in self.data:
            assert time.monotonic() < deadline, self.data
            time.sleep(0.02)


def submitted(
    place: Path, settings: Settings, command: str, log: Log, **variables: str
) -> Submitted:
    job = Job(
        run_id="0" * 32,
        name="one",
        command=command,
        directory=place,
        variables={"PATH": os.environ["PATH"], **variables},
        added=frozenset(variables),
        settings=settings,
        grace_seconds=0.5,
    )
    return Ray().submit(job, log)


def ended(job: Submitted) -> Outcome:
    outcome = job.wait(SECONDS)
    assert outcome is not None
    return outcome


def lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


# -- a node that dies ----------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [0, 1])
def test_a_run_whose_node_is_killed_fails_with_the_reason_or_begins_again(
    retries: int, cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    place = {"num_cpus": 1, "resources": {"here": 1}, "object_store_memory": 80_000_000}
    second = cluster.add_node(**place)
    chosen = attrs.evolve(settings, resources={"here": 1}, retries=retries, start_seconds=SECONDS)
    log, go = Log(), tmp_path / "go"
    command = f"echo begun $$; while [ ! -e {go} ]; do sleep 0.05; done; echo done"
    job = submitted(tmp_path, chosen, command, log)
    log.wait_for(b"begun")
    pid = int(log.data.split()[1])
    cluster.remove_node(second, allow_graceful=False)
    if not retries:
        outcome = ended(job)
        assert (outcome.code, outcome.cancelled) == (None, False)
        assert "died" in outcome.reason
        assert not lives(pid)
        return
    log.wait_for(b"begins again")
    assert not lives(pid)
    third = cluster.add_node(**place)
    go.touch()
    assert ended(job).code == 0
    assert log.data.endswith(b"done\n")
    assert log.data.count(b"begun") == 2
    cluster.remove_node(third)


def test_a_run_that_no_node_can_have_is_refused_or_fails(
    settings: Settings, tmp_path: Path
) -> None:
    chosen = attrs.evolve(settings, gpus=64)
    with pytest.raises(ConfigError, match=r"No node of the cluster has .*GPU 64"):
        Ray().check(chosen, SERVER)
    Ray().check(attrs.evolve(chosen, start_seconds=60), SERVER)
    outcome = ended(submitted(tmp_path, chosen, "true", Log()))
    assert "No node of the cluster has" in outcome.reason


def test_a_run_that_waits_for_its_turn_can_be_cancelled(settings: Settings, tmp_path: Path) -> None:
    all_of_it, log = attrs.evolve(settings, cpus=4), Log()
    first = submitted(tmp_path, all_of_it, "echo begun; sleep 600", log)
    log.wait_for(b"begun")
    second = submitted(tmp_path, all_of_it, "touch second", Log())
    second.cancel()
    assert ended(second).cancelled
    assert first.wait(0) is None
    first.cancel()
    assert ended(first).cancelled
    assert not (tmp_path / "second").exists()


# -- code and environment ------------------------------------------------------------------------


def test_code_is_carried_and_what_a_run_makes_is_brought_back(
    settings: Settings, tmp_path: Path
) -> None:
    project, outputs = tmp_path / "project", tmp_path / "outputs"
    (project / "lib").mkdir(parents=True)
    (project / "lib" / "say.sh").write_text("echo carried $WORD $SECRET")
    outputs.mkdir()
    log = Log()
    command = "bash lib/say.sh; pwd; cd $PEGBOARD_OUTPUTS; mkdir a; echo x > a/made"
    chosen = attrs.evolve(settings, carry=True)
    named = {"WORD": "it's", "PEGBOARD_OUTPUTS": str(outputs)}
    job = submitted(project, chosen, command, log, **named)
    assert ended(job).code == 0, log.data
    said, place = log.data.decode().splitlines()
    assert said == "carried it's"
    assert Path(place) != project
    assert not Path(place).exists()
    assert [each.name for each in project.iterdir()] == ["lib"]
    assert (outputs / "a" / "made").read_text() == "x\n"
    assert NODE in job.describe()


def test_a_parcel_holds_what_git_would(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "big.bin").write_text("2")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("3")
    os.mkfifo(tmp_path / "pipe")
    assert set(parcels._files(tmp_path)) == {"a.py", "big.bin"}
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("*.bin\n__pycache__\n")
    assert set(parcels._files(tmp_path)) == {"a.py", ".gitignore"}
    assert parcels.packed(tmp_path) == parcels.packed(tmp_path)


def test_a_project_that_uses_ray_itself_has_this_cluster(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "asking.py").write_text(ASKING)
    log = Log()
    job = submitted(tmp_path, settings, f"{sys.executable} asking.py 2> said", log)
    assert ended(job).code == 0, (tmp_path / "said").read_text()
    assert log.data == b"7\n"


# -- whole runs ----------------------------------------------------------------------------------


def project(place: Path, command: str) -> Path:
    folder = place / "p"
    folder.mkdir()
    (folder / "MLproject").write_text(
        f"entry_points: {{main: {{parameters: {{n: int}}, command: {json.dumps(command)}}}}}"
    )
    return folder


def test_a_run_outlives_the_process_that_submitted_it(settings: Settings, tmp_path: Path) -> None:
    go = tmp_path / "go"
    command = (
        f"echo begun {{n}}; while [ ! -e {go} ]; do sleep 0.05; done; "
        "echo made > $PEGBOARD_OUTPUTS/made; echo done"
    )
    words = [str(PEGBOARD), "--tracking-uri", f"sqlite:{tmp_path}/runs.db"]
    config = json.dumps({"address": settings.address, "tracking-uri": SERVER})
    run = [*words, "run", str(project(tmp_path, command)), "-P", "n=7", "--backend", "ray"]
    with subprocess.Popen([*run, "-c", config], stdout=subprocess.PIPE, cwd=tmp_path) as submitting:
        assert submitting.stdout is not None
        assert submitting.stdout.readline() == b"begun 7\n"
        with separate_tracking(tmp_path):
            pegboard.set_tracking_uri(f"sqlite:{tmp_path}/runs.db")
            (found,) = pegboard.search_runs(output_format="list")
            while JOB not in found.data.tags:
                found = pegboard.get_run(found.info.run_id)
        submitting.send_signal(signal.SIGKILL)
    go.touch()
    run_id = found.info.run_id
    follow = [*words, "projects", "follow", run_id]
    done = subprocess.run(follow, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "begun 7\ndone\n"), done.stderr
    with separate_tracking(tmp_path):
        pegboard.set_tracking_uri(f"sqlite:{tmp_path}/runs.db")
        assert pegboard.get_run(run_id).info.status == "FINISHED"
        assert pegboard.artifacts.load_text(f"runs:/{run_id}/project/log.txt") == done.stdout
        assert pegboard.artifacts.load_text(f"runs:/{run_id}/made") == "made\n"
    again = subprocess.run(follow, cwd=tmp_path, capture_output=True, text=True)
    assert "has ended as FINISHED" in again.stderr


@pytest.mark.parametrize("place", [{}, {JOB: "another"}], ids=["no job", "not known"])
def test_what_is_not_there_is_not_followed(place: dict[str, str], settings: Settings) -> None:
    left = Left(run_id="0" * 32, place=place, settings=settings)
    with pytest.raises(InvalidState):
        Ray().take_up(left, lambda _: None)


def test_a_store_of_this_machine_is_tracked_to_and_the_table_names_the_cluster(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = "import pegboard; pegboard.start_run(); pegboard.log_metric('m', {n})"
    folder = project(tmp_path, f'{sys.executable} -c "{metric}"')
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "pegboard.toml").write_text(f'[ray]\naddress = "{settings.address}"\n')
    with separate_tracking(tmp_path):
        host.use(None)
        done = pegboard.run(str(folder), backend="ray", parameters={"n": 3})
        run = pegboard.get_run(done.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"m": 3.0}
    assert run.data.tags["mlflow.project.backend"] == "ray"
    assert run.data.tags["pegboard.ray.address"] == settings.address


# -- clusters ------------------------------------------------------------------------------------


def test_a_cluster_that_is_not_there_is_told_before_there_is_a_run(
    tmp_path: Path,
) -> None:
    with separate_tracking(tmp_path):
        with pytest.raises(ConfigError, match=r"Ray cluster '127.0.0.1:9' cannot be"):
            pegboard.run(
                str(project(tmp_path, "true")),
                parameters={"n": 1},
                backend="ray",
                backend_config={"address": "127.0.0.1:9"},
            )
        assert pegboard.search_runs(output_format="list") == []


def test_a_cluster_of_our_own_is_of_this_machine_alone_and_has_our_environment() -> None:
    # Ray would have workers begin as it was begun by, in another folder.
    words = ["uv", "run", "--no-project", sys.executable, "-c", CALLING]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    address, *answer = done.stdout.split(maxsplit=1)
    assert answer == ["True {'n': 7}\n"]
    assert address.startswith("127.0.0.1:")


def test_a_connection_that_is_lost_is_made_again(settings: Settings, tmp_path: Path) -> None:
    log, go = Log(), tmp_path / "go"
    job = submitted(
        tmp_path, settings, f"echo begun; while [ ! -e {go} ]; do sleep 0.05; done; exit 4", log
    )
    log.wait_for(b"begun")
    bridge.opened(settings.address)._process.kill()
    go.touch()
    assert ended(job).code == 4
