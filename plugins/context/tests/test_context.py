"""Run context: who, from what, on which commit, in which environment."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pegboard_context import changes, environment, git
from pegboard_context.context import command_line, run_tags
from pegboard_context.settings import Settings

EVERYTHING = {"record_git": True, "record_command": True}

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def run_git(directory: Path, *arguments: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=directory,
        env=clean | IDENTITY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one commit on the branch ``topic/a``."""
    root = tmp_path / "repository"
    root.mkdir()
    run_git(root, "init", "--quiet", "--initial-branch", "topic/a")
    (root / "train.py").write_text("print('hello')\n")
    run_git(root, "add", ".")
    run_git(root, "commit", "--quiet", "--message", "first")
    return root


def head(directory: Path) -> tuple[str | None, str | None]:
    found = git.find(directory)
    assert found is not None
    return found.head()


# -- git facts -------------------------------------------------------------------------------------


def test_commit_and_branch_are_those_that_git_tells(repository: Path) -> None:
    commit = run_git(repository, "rev-parse", "HEAD")
    (repository / "a" / "b").mkdir(parents=True)
    assert head(repository) == (commit, "topic/a")
    assert head(repository / "a" / "b") == (commit, "topic/a")


def test_packed_references_are_read(repository: Path) -> None:
    run_git(repository, "tag", "-a", "-m", "x", "v1")
    run_git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/topic/a").exists()
    assert head(repository) == (run_git(repository, "rev-parse", "HEAD"), "topic/a")


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    commit = run_git(repository, "rev-parse", "HEAD")
    run_git(repository, "checkout", "--quiet", "--detach")
    assert head(repository) == (commit, None)


def test_a_repository_without_commit_has_a_branch_only(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    assert head(tmp_path) == (None, "main")


def test_a_worktree_has_a_head_of_its_own(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "remote", "add", "origin", "https://example.com/x.git")
    run_git(repository, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "tree"))
    (tmp_path / "tree" / "new").write_text("x")
    run_git(tmp_path / "tree", "add", ".")
    run_git(tmp_path / "tree", "commit", "--quiet", "--message", "second")
    commit = run_git(tmp_path / "tree", "rev-parse", "HEAD")
    assert commit != run_git(repository, "rev-parse", "HEAD")
    assert head(tmp_path / "tree") == (commit, "other")
    found = git.find(tmp_path / "tree")
    assert found is not None
    assert found.remote_url() == "https://example.com/x.git"


def test_a_submodule_is_a_repository_of_its_own(repository: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    run_git(outer, "init", "--quiet")
    run_git(outer, "submodule", "--quiet", "add", str(repository), "inner")
    assert head(outer / "inner") == (run_git(repository, "rev-parse", "HEAD"), "topic/a")


def test_outside_of_a_repository_there_is_none(tmp_path: Path) -> None:
    assert git.find(tmp_path) is None
    (tmp_path / ".git").write_text("nonsense")
    assert git.find(tmp_path) is None
    (tmp_path / ".git").write_text("gitdir: nowhere")
    assert git.find(tmp_path) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@example.com/x.git", "https://example.com/x.git"),
        ("https://token@example.com/x.git?a=b@c", "https://example.com/x.git?a=b@c"),
        ("https://me:p@ss@example.com/x", "https://example.com/x"),
        ("ssh://git@example.com:22/x", "ssh://example.com:22/x"),
        ("git@example.com:team/x.git", "git@example.com:team/x.git"),
        ("https://example.com/@scope/x", "https://example.com/@scope/x"),
        ("/srv/git/x.git", "/srv/git/x.git"),
    ],
)
def test_the_remote_is_shown_without_credentials(repository: Path, url: str, shown: str) -> None:
    run_git(repository, "remote", "add", "backup", "https://other.example.com/")
    run_git(repository, "remote", "add", "origin", url)
    found = git.find(repository)
    assert found is not None
    assert found.remote_url() == shown


def test_odd_configurations_are_read_as_git_reads_them(repository: Path) -> None:
    with (repository / ".git" / "config").open("a") as config:
        config.write(
            '# [remote "no"]\n\turl = https://no.example.com\n'
            '[remote "we\\"ird"]\n  fetch = x\n  URL = "https://example.com/a#b" ; comment\n'
        )
    found = git.find(repository)
    assert found is not None
    assert found.remote_url() == run_git(repository, "config", 'remote.we"ird.url')


# -- uncommitted changes ---------------------------------------------------------------------------


def uncommitted(root: Path) -> changes.Changes | None:
    return changes.Question(root).answer()


def test_a_clean_tree_has_no_changes_even_with_untracked_files(repository: Path) -> None:
    (repository / "untracked").write_text("secret")
    assert uncommitted(repository) == changes.Changes(dirty=False, patch=b"")


def test_the_patch_brings_a_clean_tree_to_the_same_state(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "config", "diff.noprefix", "true")
    (repository / "train.py").write_bytes("print('größer')\n".encode("latin-1"))
    (repository / "staged.py").write_text("new\n")
    run_git(repository, "add", "staged.py")
    (repository / "untracked.py").write_text("secret\n")
    found = uncommitted(repository)
    assert found is not None
    assert found.dirty
    assert b"secret" not in found.patch
    run_git(tmp_path, "clone", "--quiet", str(repository), "clone")
    (tmp_path / "patch").write_bytes(found.patch)
    run_git(tmp_path / "clone", "apply", str(tmp_path / "patch"))
    for name in ("train.py", "staged.py"):
        assert (tmp_path / "clone" / name).read_bytes() == (repository / name).read_bytes()


def test_the_patch_holds_what_changed_in_a_submodule(repository: Path, tmp_path: Path) -> None:
    local = ("-c", "protocol.file.allow=always")
    outer = tmp_path / "outer"
    outer.mkdir()
    run_git(outer, "init", "--quiet")
    run_git(outer, *local, "submodule", "--quiet", "add", str(repository), "inner")
    run_git(outer, "commit", "--quiet", "-m", "first")
    (outer / "inner" / "train.py").write_text("print('changed')\n")
    found = uncommitted(outer)
    assert found is not None
    words = (*local, "clone", "--quiet", "--recurse-submodules", str(outer), "clone")
    run_git(tmp_path, *words)
    (tmp_path / "patch").write_bytes(found.patch)
    run_git(tmp_path / "clone", "apply", str(tmp_path / "patch"))
    assert (tmp_path / "clone" / "inner" / "train.py").read_text() == "print('changed')\n"


def test_a_long_patch_is_cut_between_files_and_can_still_be_applied(
    repository: Path, tmp_path: Path
) -> None:
    for name, lines in (("a", 10), ("b", 100_000), ("c", 10)):
        (repository / name).write_text("".join(f"{name} {n:020}\n" for n in range(lines)))
    run_git(repository, "add", ".")
    found = uncommitted(repository)
    assert found is not None
    assert found.dirty
    assert found.patch.startswith(b"# The changes are longer than this patch")
    run_git(tmp_path, "clone", "--quiet", str(repository), "clone")
    (tmp_path / "patch").write_bytes(found.patch)
    run_git(tmp_path / "clone", "apply", str(tmp_path / "patch"))
    assert sorted(p.name for p in (tmp_path / "clone").iterdir()) == [".git", "a", "train.py"]


def test_git_variables_of_the_process_do_not_mislead(repository: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    (repository / "train.py").write_text("changed\n")
    found = uncommitted(repository)
    assert found is not None
    assert found.dirty


def test_without_git_there_is_no_answer(repository: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert uncommitted(repository) is None


def test_asking_twice_at_one_commit_asks_git_once(repository: Path) -> None:
    found = git.find(repository)
    assert found is not None
    question = changes.ask(found)
    assert changes.ask(found) is question
    (repository / "train.py").write_text("changed\n")
    run_git(repository, "commit", "--quiet", "--all", "--message", "second")
    assert changes.ask(found) is not question


# -- tags ------------------------------------------------------------------------------------------

SCRIPT = """
import json, sys
from pegboard_context.context import run_tags
from pegboard_context.settings import Settings
print(json.dumps(run_tags(Settings(**json.loads(sys.argv[1])))))
"""


def tags_of_script(
    directory: Path, settings: dict[str, bool], *more: str, **variables: str
) -> dict[str, str]:
    script = directory / "script.py"
    script.write_text(SCRIPT)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "MLFLOW_", "SLURM"))}
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(settings), *more],
        cwd=directory.parent,
        env=clean | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_script_is_told_by_mlflows_tags(repository: Path) -> None:
    run_git(repository, "remote", "add", "origin", "https://me:pw@example.com/x.git")
    tags = tags_of_script(
        repository, EVERYTHING, "--lr=0.1", "--token", "abc", USER="ada", LOGNAME="ada"
    )
    script = str(repository / "script.py")
    assert shlex.split(tags.pop("pegboard.source.command")) == [
        sys.executable,
        script,
        json.dumps(EVERYTHING),
        "--lr=0.1",
        "--token",
        "MASKED",
    ]
    assert tags == {
        "mlflow.user": "ada",
        "mlflow.source.name": script,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": run_git(repository, "rev-parse", "HEAD"),
        "mlflow.source.git.branch": "topic/a",
        "mlflow.source.git.repoURL": "https://example.com/x.git",
    }


def test_settings_turn_git_and_the_command_off(repository: Path) -> None:
    tags = tags_of_script(repository, {"record_git": False, "record_command": False})
    assert sorted(tags) == ["mlflow.source.name", "mlflow.source.type", "mlflow.user"]


def test_a_launcher_can_hand_down_tags(repository: Path) -> None:
    context = json.dumps({"mlflow.source.type": "PROJECT", "extra": 1})
    tags = tags_of_script(repository, EVERYTHING, MLFLOW_RUN_CONTEXT=context)
    assert (tags["mlflow.source.type"], tags["extra"]) == ("PROJECT", "1")
    assert "extra" not in tags_of_script(repository, EVERYTHING, MLFLOW_RUN_CONTEXT="{broken")


def test_a_batch_job_and_a_tracking_user_are_told(repository: Path) -> None:
    tags = tags_of_script(repository, EVERYTHING, SLURM_JOB_ID="7", MLFLOW_TRACKING_USERNAME="bob")
    assert (tags["mlflow.source.type"], tags["mlflow.user"]) == ("JOB", "bob")


def test_an_installed_program_is_looked_up_from_where_it_runs(repository: Path) -> None:
    code = f"import sys; sys.argv[0] = sys.prefix + '/bin/python'\n{SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(EVERYTHING)],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    tags = json.loads(done.stdout)
    assert tags["mlflow.source.git.commit"] == run_git(repository, "rev-parse", "HEAD")


class Kernel:
    """Stands for the shell that IPython makes in a notebook's kernel."""

    kernel = object()

    def __init__(self, names: dict[str, str]) -> None:
        self.user_ns = names


@pytest.mark.parametrize(
    ("names", "variables"),
    [
        ({"__vsc_ipynb_file__": "/work/my study.ipynb"}, {}),
        ({}, {"JPY_SESSION_NAME": "/work/my%20study.ipynb"}),
        ({}, {"IPYNB_FILE": "/work/my study.ipynb"}),
    ],
)
def test_a_notebook_is_told_by_its_name(monkeypatch, names, variables) -> None:
    class IPython:
        @staticmethod
        def get_ipython() -> Kernel:
            return Kernel(names)

    monkeypatch.setitem(sys.modules, "IPython", IPython)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tags = run_tags(Settings(**EVERYTHING))
    assert tags["mlflow.source.type"] == "NOTEBOOK"
    assert tags["mlflow.source.name"] == "my study.ipynb"
    assert tags["pegboard.source.notebook"] == "/work/my study.ipynb"
    assert "pegboard.source.command" not in tags


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("--password hunter2 --epochs 3", "--password MASKED --epochs 3"),
        ("--api-key=abc --max-tokens 512", "--api-key=MASKED --max-tokens 512"),
        ("--hf_token hf --secret --verbose", "--hf_token MASKED --secret --verbose"),
        (
            "AWS_SECRET_ACCESS_KEY=abc DB.PASSWORD=x a=b",
            "AWS_SECRET_ACCESS_KEY=MASKED DB.PASSWORD=MASKED a=b",
        ),
        ("sk-proj-abcdefghijklmnopqrst x", "MASKED x"),
        ("key=ghp_0123456789012345678901234567890123456", "key=MASKED"),
        ("postgresql://me:pw@host/db", "postgresql://MASKED@host/db"),
        ("--author ada --keyboard us --n-tokens=5", "--author ada --keyboard us --n-tokens=5"),
    ],
)
def test_what_looks_like_a_secret_is_masked(arguments: str, shown: str) -> None:
    assert command_line(arguments.split()) == shown


def test_a_long_command_is_cut_to_what_a_tag_holds(monkeypatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "-c", "x" * 20_000])
    assert len(run_tags(Settings(**EVERYTHING))["pegboard.source.command"]) == 8000


# -- environment -----------------------------------------------------------------------------------


def test_the_packages_are_those_that_pip_would_list() -> None:
    import re
    from importlib.metadata import distributions

    listed = {
        re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in distributions()
    }
    lines = environment.requirements().splitlines()
    assert lines[0] == f"# Python {'.'.join(map(str, sys.version_info[:3]))}"
    found = {}
    for line in lines[1:]:
        name, _, version = line.removeprefix("# ").partition(" ")[0].partition("==")
        # A package from a wheel file or a directory has a place for a version.
        found[name] = listed[name] if line.startswith(f"{name} @ ") else version
    assert found == listed


def install(directory: Path, name: str, origin: object = None) -> None:
    (directory / name).mkdir(parents=True)
    if origin is not None:
        (directory / name / "direct_url.json").write_text(json.dumps(origin))


def test_packages_that_are_not_from_an_index_say_where_from(tmp_path: Path, monkeypatch) -> None:
    install(tmp_path / "one", "A_b.c-1.0.dist-info")
    install(tmp_path / "two", "a_b_c-2.0.dist-info")
    install(tmp_path / "two", "old-0.1-py3.11.egg-info")
    vcs = {"vcs": "git", "commit_id": "abc", "requested_revision": "main"}
    install(
        tmp_path / "two",
        "from_git-1.dist-info",
        {"url": "https://me:pw@example.com/x.git", "vcs_info": vcs},
    )
    install(
        tmp_path / "two", "wheel_file-1.dist-info", {"url": "file:///x.whl", "archive_info": {}}
    )
    install(
        tmp_path / "two",
        "mine-1.dist-info",
        {"url": "file:///src/mine", "dir_info": {"editable": True}},
    )
    install(tmp_path / "two", "broken-1.dist-info", ["nonsense"])
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "two"), "missing.zip"])
    assert environment.requirements().splitlines()[1:] == [
        "a-b-c==1.0",
        "broken==1",
        "from-git @ git+https://example.com/x.git@abc",
        "# mine==1 is installed in editable mode from file:///src/mine",
        "old==0.1",
        "wheel-file @ file:///x.whl",
    ]


def test_the_machine_is_described() -> None:
    facts = environment.description()
    assert facts["python"]["executable"] == sys.executable
    assert facts["cpu_count"] == os.cpu_count()
    assert facts["memory_bytes"] > 100_000_000
    assert facts["platform"]["machine"]
    json.dumps(facts)
