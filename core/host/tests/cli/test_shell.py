from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pytest
from click.testing import Result
from pegboard.errors import FilterError, InvalidValue, NotFound
from pegboard.hookspecs import Command, hookimpl
from pegboard.host import Host
from pegboard_testing.targets import target_of

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


class Plugin:
    """Adds the commands that it is given."""

    def __init__(self, *commands: Command) -> None:
        self._commands = commands

    @hookimpl
    def pegboard_commands(self) -> Sequence[Command]:
        return self._commands


def _command(name: str, body: Callable[[], None]) -> Command:
    return Command(name, target_of(click.command(name)(body)), f"What {name} does.")


def _raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_help_lists_commands_of_plugins_without_importing_them(plain_host: Host, run: Run) -> None:
    plain_host.register(
        Plugin(Command("shine", "no_such_sparkle:shine", "Make it shine.")), "polish"
    )
    result = run("--help")
    assert result.exit_code == 0
    assert "shine" in result.output
    assert "Make it shine." in result.output
    assert "doctor" in result.output


def test_a_command_of_a_plugin_runs(plain_host: Host, run: Run) -> None:
    plain_host.register(Plugin(_command("greet", lambda: click.echo("hello"))), "polite")
    result = run("greet")
    assert (result.exit_code, result.output) == (0, "hello\n")


def test_completion_offers_commands_without_importing_them(
    plain_host: Host, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_host.register(
        Plugin(Command("shine", "no_such_sparkle:shine", "Make it shine.")), "polish"
    )
    monkeypatch.setenv("COMP_WORDS", "pegboard sh")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_PEGBOARD_COMPLETE", "bash_complete")
    assert run().output == "plain,shine\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_each_shell_is_printed(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_PEGBOARD_COMPLETE={shell}_complete" in result.stdout


def test_a_misspelt_command_is_usage_that_suggests_the_right_one(
    plain_host: Host, run: Run
) -> None:
    result = run("docter")
    assert result.exit_code == 2
    assert "Did you mean 'doctor'?" in result.stderr


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("runs", "pegboard-tracking"),
        ("experiments", "pegboard-tracking"),
        ("demo", "pegboard-demo"),
    ],
)
def test_a_command_whose_plugin_is_missing_names_what_to_install(
    plain_host: Host, run: Run, name: str, distribution: str
) -> None:
    result = run(name)
    assert result.exit_code == 2
    assert f"pip install {distribution}" in result.stderr


def test_an_unknown_command_names_the_plugins_that_failed_to_load(
    plain_host: Host, run: Run
) -> None:
    from pegboard.host import Plugin as Info

    plain_host.plugins["torn"] = Info("torn", "torn.x", error="ImportError: x")
    assert "Failed to load: torn" in run("shine").stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("No such run.", hint="Look elsewhere."), 1),
        (InvalidValue("Bad value.", hint="Give another."), 2),
        (FilterError("Bad filter.", text="a ? b", column=2, hint="Use =."), 2),
    ],
)
def test_an_error_is_a_message_and_a_hint_without_a_traceback(
    plain_host: Host, run: Run, error: NotFound, code: int
) -> None:
    plain_host.register(Plugin(_command("fail", _raising(error))), "failing")
    result = run("fail")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"error: {error.message}\nhint: {error.hint}\n"


def test_a_filter_error_points_at_the_column(plain_host: Host, run: Run) -> None:
    error = FilterError("Bad filter.", text="a ? b", column=2)
    plain_host.register(Plugin(_command("fail", _raising(error))), "failing")
    lines = run("fail").stderr.splitlines()
    assert lines[1].index("?") == lines[2].index("^")


def test_a_fault_of_our_own_is_reported_without_a_traceback(plain_host: Host, run: Run) -> None:
    plain_host.register(Plugin(_command("fail", _raising(ZeroDivisionError("oops")))), "failing")
    result = run("fail")
    assert result.exit_code == 1
    assert "ZeroDivisionError: oops" in result.stderr
    assert "Traceback" not in result.stderr
    assert "PEGBOARD_DEBUG=1" in result.stderr


def test_the_traceback_is_shown_on_demand(
    plain_host: Host, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEGBOARD_DEBUG", "1")
    plain_host.register(Plugin(_command("fail", _raising(NotFound("Gone.")))), "failing")
    result = run("fail")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "error: Gone." in result.stderr


def test_a_command_that_cannot_be_imported_says_so(plain_host: Host, run: Run) -> None:
    plain_host.register(
        Plugin(Command("shine", "no_such_sparkle:shine", "Make it shine.")), "polish"
    )
    result = run("shine")
    assert result.exit_code == 1
    assert "'shine' could not be loaded: No module named 'no_such_sparkle'" in result.stderr


def test_help_and_core_commands_work_with_a_broken_configuration(tmp_path: Path, run: Run) -> None:
    (tmp_path / "pegboard.toml").write_text("[tracking\n")
    result = run("--help")
    assert result.exit_code == 0
    assert "doctor" in result.output
    # The text is wrapped, where depends on the length of the path in it.
    assert "not valid TOML" in " ".join(result.output.split())
    broken = run("runs")
    assert broken.exit_code == 2
    assert "not valid TOML" in broken.stderr


def test_a_global_option_in_the_wrong_place_is_explained(plain_host: Host, run: Run) -> None:
    result = run("doctor", "--config", "x.toml")
    assert result.exit_code == 2
    assert "--config goes first" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("--tracking-uri", "dict:x", "config", "show"),
        ("config", "--tracking-uri", "dict:x", "show"),
        ("config", "show", "--tracking-uri=dict:x"),
    ],
    ids=" ".join,
)
def test_the_store_may_be_named_before_or_after_the_command(
    plain_host: Host, run: Run, args: tuple[str, ...]
) -> None:
    assert json.loads(run(*args, "--json").stdout)["pegboard.tracking_uri"]["value"] == "dict:x"


def test_what_follows_two_dashes_is_no_option(plain_host: Host, run: Run) -> None:
    echo = click.Command("echo", params=[click.Argument(["words"], nargs=-1)], callback=_echo)
    plain_host.register(Plugin(Command("echo", target_of(echo), "Print words.")), "echoing")
    result = run("echo", "--", "--tracking-uri", "x")
    assert result.stdout == "--tracking-uri x\n"


def _echo(words: tuple[str, ...]) -> None:
    click.echo(" ".join(words))


@pytest.mark.parametrize("args", [(), ("config",)])
def test_a_group_alone_shows_its_help_as_wrong_usage(
    plain_host: Host, run: Run, args: tuple[str, ...]
) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert "Commands:" in result.stderr
    assert "error" not in result.stderr


def test_completion_is_quiet_about_a_broken_configuration(process: Process, tmp_path: Path) -> None:
    (tmp_path / "pegboard.toml").write_text("[tracking\n")
    found = process(
        _PEGBOARD_COMPLETE="bash_complete", COMP_WORDS="pegboard runs l", COMP_CWORD="2"
    )
    assert found.stderr == ""


def test_the_version_is_shown_without_looking_for_plugins(process: Process) -> None:
    code = (
        "import sys\nfrom pegboard.cli import main\n"
        "try: main()\n"
        "finally: print('pegboard.host' in sys.modules, 'rich' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True
    )
    version, imported = found.stdout.splitlines()
    assert version.startswith("pegboard ")
    assert imported == "False False"


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    script = (
        "import click\n"
        "from pegboard.cli import shell\n"
        "from pegboard.cli.lazy import Entry\n"
        "@click.command()\n"
        "def flood():\n"
        "    while True: click.echo('x' * 1000)\n"
        "shell.cli.add_command(flood, 'flood')\n"
        "shell.cli._declared['flood'] = Entry('flood', lambda: flood, '')\n"
        "from pegboard.cli import main\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, "flood"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


_INTERRUPTED = {
    "in a command": "def wait():\n    click.echo('waiting'); time.sleep(60)\n",
    "at a question": "def wait():\n    click.echo('waiting'); click.prompt('What')\n",
    "while a plugin is imported": (
        "def wait(): pass\n"
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, *_):\n"
        "        if name == 'slow_plugin': print('waiting', flush=True); time.sleep(60)\n"
        "sys.meta_path.insert(0, Finder)\n"
        "from pegboard import host, plugin_calls\n"
        "def discover(self):\n"
        "    slow = plugin_calls.Plugin('slow', 'slow')\n"
        "    self._guarded(slow, lambda: __import__('slow_plugin'))\n"
        "host.Host._discover = discover\n"
        "sys.argv[1] = 'anything'\n"
    ),
}


@pytest.mark.parametrize("body", _INTERRUPTED.values(), ids=_INTERRUPTED)
def test_an_interrupt_says_one_word(body: str) -> None:
    script = (
        "import click, sys, time\n"
        "from pegboard.cli import shell, main\n"
        "from pegboard.cli.lazy import Entry\n"
        f"{body}"
        "shell.cli._declared['wait'] = Entry('wait', lambda: click.command(wait), '')\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", script, "wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"waiting\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.split() == [b"Aborted."]


def test_text_that_the_terminal_cannot_show_is_escaped(process: Process) -> None:
    found = process("doctor", "--config", PYTHONIOENCODING="latin-1")
    assert found.returncode == 2
    assert r"pegboard --config FILE \u2026" in found.stderr
