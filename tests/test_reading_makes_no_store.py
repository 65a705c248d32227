"""A command that only reads says that there is no store where there is none, and makes none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from pegboard import config, host
from pegboard.cli.shell import cli

PEGBOARD = Path(sys.executable).with_name("pegboard")

NEED_A_STORE = """
artifacts download abc
artifacts list abc
artifacts upload abc {file}
experiments delete abc
experiments list
experiments rename abc new
experiments restore abc
experiments show abc
experiments tag abc k=v
gc
gc --dry-run
lineage models:/abc/1
rerun abc
models alias abc/1 best
models copy abc/1 new
models delete -y abc
models download abc/1
models list
models predict -m models:/abc/1 -i {file}
models rename abc new
models serve -m models:/abc/1
models show abc
models stage abc/1 Staging
models tag abc k=v
models unalias abc@best
models update abc --description new
models versions abc
prompts alias abc/1 best
prompts delete -y abc
prompts diff abc/1 abc/2
prompts export prompts
prompts list
prompts rollback abc@best
prompts show abc
prompts test abc
prompts optimize abc --proposer openai:/gpt-4o
prompts traffic abc@best
prompts unalias abc@best
prompts versions abc
registry approve abc/1 best
registry history abc
registry rollback abc@best
registry webhooks delete -y 1
registry webhooks deliveries 1
registry webhooks list
registry webhooks test 1
runs compare abc def
runs delete abc
runs export
runs list
runs list --json
runs restore abc
runs show abc
eval compare one two
eval show one
projects follow abc
recipes diff one two
reviews ask abc
reviews create abc
reviews list
reviews questions
reviews show abc
traces list
traces show abc
workflows list
workflows resume abc
workflows show abc
""".strip().splitlines()
MAKE_ONE = {
    *("experiments create", "models create", "models register", "registry webhooks create"),
    *("demo", "eval run", "exec", "gateway start", "recipes run", "run", "server", "sweep", "ui"),
    "workflows run",
    *("prompts import", "prompts register"),
}
NEED_NONE = {
    *("completion", "config show", "doctor", "plugins", "plugins new", "sync"),
    *(
        "env clean",
        "env list",
        "projects inspect",
        "projects list",
        "projects new",
        "projects validate",
    ),
    *("registry gates", "models environments clean", "models environments list"),
    *("server user add", "server user list", "server user remove"),
    *("gateway check", "gateway endpoints add", "gateway endpoints list"),
    *("gateway endpoints remove", "gateway endpoints show", "gateway secrets list"),
    *("gateway secrets rotate", "gateway budgets", "gateway usage", "gateway keys create"),
    *("gateway keys list", "gateway keys revoke", "llm fetch", "llm list"),
    *("workflows graph", "workflows new", "workflows plan"),
    *("recipes clean", "recipes get-artifact", "recipes inspect", "recipes new", "recipes plan"),
}
URIS = {
    "the default": "",
    "sqlite": "sqlite:nope/x/runs.db",
    "sqlite, absolute": "sqlite:{place}/nope/x/runs.db",
    "a path to a file": "nope/runs.db",
    "a path to a directory": "nope/x",
    "file": "file://{place}/nope/x",
    "json": "json:nope/x",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield an empty directory that is the working directory."""
    for name in [*config.ENVIRONMENT, "PEGBOARD_CONFIG", "PEGBOARD_DEBUG"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    made = tmp_path / "work"
    made.mkdir()
    monkeypatch.chdir(made)
    host.use(None)
    yield made
    host.current().close()
    host.use(None)


def leaves(command: click.Command, ctx: click.Context, path: str = "") -> Iterator[str]:
    """Yield the commands that do something, by their words."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            below = click.Context(found, parent=ctx, info_name=name)
            yield from leaves(found, below, f"{path} {name}".strip())


def test_every_command_is_listed_here() -> None:
    known = {*MAKE_ONE, *NEED_NONE}
    for line in NEED_A_STORE:
        words = line.split()
        known |= {" ".join(words[:count]) for count in (1, 2, 3)}
    found = {path for path in leaves(cli, click.Context(cli)) if path}
    assert found - known == set()


@pytest.mark.parametrize("line", NEED_A_STORE)
def test_without_a_store_it_says_so(place: Path, tmp_path: Path, line: str) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    assert_no_store(place, line.format(file=tmp_path / "data.csv").split(), "sqlite:nope/x/runs.db")


@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
@pytest.mark.parametrize("line", ["runs list", "experiments list", "experiments show abc"])
def test_without_a_store_of_any_scheme_it_says_so(place: Path, line: str, uri: str) -> None:
    assert_no_store(place, line.split(), uri.format(place=place))


def assert_no_store(place: Path, words: list[str], uri: str) -> None:
    options = ["--tracking-uri", uri] if uri else []
    result = CliRunner().invoke(cli, [*options, *words], prog_name="pegboard")
    assert f"error: There is no store at {place}" in result.stderr, result.output
    assert "hint: It is made by the first script" in result.stderr
    assert result.exit_code == 1
    assert result.stdout == ""
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
def test_a_command_that_creates_something_makes_the_store(place: Path, uri: str) -> None:
    options = ["--tracking-uri", uri.format(place=place)] if uri else []
    for words in (
        ["experiments", "create", "new"],
        ["experiments", "show", "new"],
        ["runs", "list"],
    ):
        result = CliRunner().invoke(cli, [*options, *words], prog_name="pegboard")
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
def test_doctor_finds_nothing_wrong_with_a_store_that_is_not_there_yet(
    place: Path, uri: str
) -> None:
    options = ["--tracking-uri", uri.format(place=place)] if uri else []
    result = CliRunner().invoke(cli, [*options, "doctor"], prog_name="pegboard")
    assert "not there yet; made on first use at" in " ".join(result.output.split())
    assert result.exit_code == 0
    assert list(place.iterdir()) == []


def test_a_host_makes_stores_again_when_a_command_has_ended(place: Path) -> None:
    CliRunner().invoke(cli, ["runs", "list"], prog_name="pegboard")
    assert list(host.current().tracking_store().search_runs(["0"])) == []
    assert (place / "pegruns" / "pegboard.db").exists()


def test_a_real_process_says_it_on_its_standard_error(place: Path) -> None:
    done = subprocess.run(
        [PEGBOARD, "--tracking-uri", f"sqlite:{place}/x/runs.db", "runs", "list"],
        cwd=place,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: There is no store at {place}/x/runs.db.\n")
    assert list(place.iterdir()) == []
