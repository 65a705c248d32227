"""Where projects come from: git repositories, their versions and folders, archives; and reruns."""

from __future__ import annotations

import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pegboard
import pytest
from click.testing import CliRunner
from pegboard.cli.shell import cli
from pegboard.errors import PegboardError
from pegboard_projects.errors import ProjectError
from pegboard_projects.sources.source import fetch

from .conftest import git, project

SAYS = """
entry_points:
  main:
    parameters: {{n: {{type: int, default: 1}}}}
    command: echo {} {{n}}
"""
WRONG = ["nothing", "0123abc", "--upload-pack=x", "a:b", "+main", "a b", ""]


@pytest.fixture
def repository(place: Path) -> Path:
    """Return a bare repository: a branch and a tag, with a project at the top and one below."""
    work = place / "work"
    work.mkdir()
    git(work, "init", "-q")
    for number, name in enumerate(("first", "second")):
        project(work, MLproject=SAYS.format(name))
        project(work / "deep" / "v1.0", MLproject=SAYS.format(f"deep-{name}"))
        git(work, "add", ".")
        git(work, "commit", "-q", "-m", name)
        git(work, "tag", f"v{number}")
    git(work, "checkout", "-q", "-b", "topic", "v0")
    git(work, "checkout", "-q", "main")
    git(place, "clone", "-q", "--bare", "work", "code.git")
    return place / "code.git"


def test_versions_of_a_repository_are_run_and_recorded(repository: Path) -> None:
    first, second = (git(repository, "rev-parse", name) for name in ("v0", "v1"))
    uri = repository.as_uri()
    cases = {
        (uri, None): ("second", second),
        (uri, "topic"): ("first", first),
        (uri, "v0"): ("first", first),
        (uri, first): ("first", first),
        (uri, first[:7]): ("first", first),
        (f"{uri}#deep/v1.0", "v1"): ("deep-second", second),
        (f"git+{uri}", None): ("second", second),
    }
    for (address, version), (word, commit) in cases.items():
        source = fetch(address, version)
        assert (source.directory / "MLproject").read_text() == SAYS.format(word)
        assert source.commit == commit
        source.remove()
        assert not source.root.exists()
    done = pegboard.run(f"{uri}#deep/v1.0", version="topic")
    tags = pegboard.get_run(done.run_id).data.tags
    assert done.logs() == "deep-first 1\n"
    assert tags["mlflow.source.name"] == f"{uri}#deep/v1.0"
    assert tags["mlflow.source.git.commit"] == first
    for key in ("mlflow.source.git.branch", "mlflow.gitBranchName"):
        assert tags[key] == "topic"
    for key in ("mlflow.source.git.repoURL", "mlflow.gitRepoURL"):
        assert tags[key] == uri


def test_files_that_are_only_pointers_are_told(place: Path, repository: Path) -> None:
    work = place / "work"
    (work / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    address = "https:" + "//git-lfs.github.com/spec/v1"
    pointer = f"version {address}\noid sha256:00\nsize 12\n"
    (work / "model.bin").write_text(pointer)
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "large")
    source = fetch(str(work), "main")
    source.remove()
    assert "Git LFS keeps the content of model.bin" in " ".join(source.notes)


def test_a_version_that_is_not_there_is_told(repository: Path) -> None:
    for version in WRONG:
        with pytest.raises(ProjectError, match=r"is not a version|There is no version"):
            fetch(repository.as_uri(), version)


def test_a_repository_does_not_choose_folders_of_this_machine(repository: Path) -> None:
    other = repository.parent / "other"
    work = repository.parent / "work"
    git(repository.parent, "clone", "-q", str(work), str(other))
    local = ("-c", "protocol.file.allow=always")
    git(work, *local, "submodule", "--quiet", "add", other.as_uri(), "sub")
    git(work, "commit", "-q", "-m", "submodule")
    git(work.parent, "clone", "-q", "--bare", "work", "with.git")
    with pytest.raises(ProjectError, match="git could not do 'submodule'"):
        fetch((work.parent / "with.git").as_uri(), None)


def test_a_fetch_that_is_broken_off_leaves_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(place / "temporary"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}/code.git"
        words = [str(Path(sys.executable).with_name("pegboard")), "run", uri]
        process = subprocess.Popen(words, cwd=place, stderr=subprocess.DEVNULL)
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 128 + signal.SIGTERM
            # Who fetched has gone, too.
            connection.settimeout(30)
            while connection.recv(4096):
                pass
    assert not list((place / "temporary").iterdir())


def test_a_rerun_is_of_the_same_commit_and_says_what_differs(repository: Path) -> None:
    done = pegboard.run(repository.as_uri(), parameters={"n": 5})
    work = repository.parent / "work"
    project(work, MLproject=SAYS.format("third"))
    git(work, "commit", "-q", "-a", "-m", "third")
    git(work, "push", "-q", str(repository), "main")
    again = CliRunner().invoke(cli, ["rerun", done.run_id[:12]])
    assert again.exit_code == 0, again.output
    assert "Nothing differs" in again.stderr
    (run,) = (
        run
        for run in pegboard.search_runs(output_format="list")
        if run.data.tags.get("pegboard.project.rerun_of") == done.run_id
    )
    assert run.data.params == {"n": "5"}
    assert pegboard.artifacts.load_text(f"runs:/{run.info.run_id}/project/log.txt") == "second 5\n"
    # Of a folder, what it holds now is run.
    local = pegboard.run(str(work))
    project(work, MLproject=SAYS.format("changed"))
    told = CliRunner().invoke(cli, ["rerun", local.run_id, "--dry-run"])
    assert "the command differs: 'echo third 1' then, 'echo changed 1' now" in told.stderr
    assert "not committed" in told.stderr


def archive(file: Path, **entries: str) -> str:
    with zipfile.ZipFile(file, "w") as opened:
        for name, text in entries.items():
            opened.writestr(name, text)
    return str(file)


def test_archives_are_unpacked_and_never_beside(place: Path) -> None:
    uri = archive(place / "a.zip", MLproject=SAYS.format("zipped"))
    done = pegboard.run(uri)
    assert done.logs() == "zipped 1\n"
    kept = pegboard.artifacts.download_artifacts(f"runs:/{done.run_id}/project/code.zip")
    assert Path(kept).read_bytes() == (place / "a.zip").read_bytes()
    archive(place / "a.zip", MLproject=SAYS.format("zipped") + "# changed")
    told = CliRunner().invoke(cli, ["rerun", done.run_id, "--dry-run"])
    assert "a.zip is not as it was then" in told.stderr
    assert "Nothing differs" in told.stderr
    inner = archive(place / "b.zip", **{"x-main/sub/MLproject": SAYS.format("inner")})
    assert pegboard.run(f"file://{inner}#sub").logs() == "inner 1\n"
    for name in ("../evil", "/evil", "a/../../evil"):
        with pytest.raises(PegboardError, match="refused"):
            fetch(archive(place / "c.zip", **{name: "x"}), None)
    (place / "d.zip").write_text("no archive")
    with pytest.raises(ProjectError, match="not a zip file"):
        fetch(str(place / "d.zip"), None)
    assert not list(place.parent.rglob("evil"))


def test_a_plain_folder_is_kept_and_run_again_as_it_was(place: Path) -> None:
    folder = project(place / "p" / "sub", MLproject=SAYS.format("kept")).parent
    made = {
        "sub/tool.sh": "echo tool",
        ".gitignore": "*.log\nbuilt/\n",
        "noise.log": "ignored",
        "built/x": "ignored",
        "env/pyvenv.cfg": "",
        "env/lib.py": "of an environment",
        "__pycache__/x.pyc": "a cache",
        ".env": "TOKEN=1",
    }
    for name, text in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "sub" / "tool.sh").chmod(0o755)
    (folder / "large.bin").write_bytes(bytes(5_000_000))
    (folder / "link").symlink_to(place)
    sqlite3.connect(folder / "x.db").execute("create table t (a)").connection.close()
    first = CliRunner().invoke(cli, ["run", f"{folder}#sub", "--env-manager", "local"])
    assert first.exit_code == 0, first.output
    for told in (".env (may hold secrets)", "large.bin (5.0 MB)", "link (a link)", "x.db (a data"):
        assert told in first.stderr
    (run,) = pegboard.search_runs(output_format="list")
    run_id = run.info.run_id
    kept = pegboard.artifacts.download_artifacts(f"runs:/{run_id}/project/code.zip")
    with zipfile.ZipFile(kept) as opened:
        assert opened.namelist() == [".gitignore", "sub/MLproject", "sub/tool.sh"]
    same = CliRunner().invoke(cli, ["rerun", run_id, "--dry-run"])
    assert same.stderr == "Nothing differs from what ran then.\n"
    project(folder / "sub", MLproject=SAYS.format("changed"))
    changed = CliRunner().invoke(cli, ["rerun", run_id])
    assert "is not as it was then: what the run keeps of it is run" in changed.stderr
    assert "large.bin (5.0 MB)" in changed.stderr
    shutil.rmtree(folder)
    # Of the rerun, which has to keep the code as well.
    again = max(pegboard.search_runs(output_format="list"), key=lambda run: run.info.start_time)
    assert again.data.tags["pegboard.project.rerun_of"] == run_id
    gone = CliRunner().invoke(cli, ["rerun", again.info.run_id])
    assert "is not there any more" in gone.stderr
    assert "Nothing differs" in gone.stderr
    for each in pegboard.search_runs(output_format="list"):
        text = pegboard.artifacts.load_text(f"runs:/{each.info.run_id}/project/log.txt")
        assert text == "kept 1\n"
        assert each.data.tags["mlflow.source.name"] == f"{folder}#sub"
