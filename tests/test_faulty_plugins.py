"""Plugins that do everything wrong: each is survived, and each is named with its fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from attrs import frozen

HEADER = """
from pegboard.hookspecs import *
from pegboard.hookspecs import hookimpl

class Panic(BaseException): ...
"""


@frozen
class Fault:
    """The code of a plugin, and what has to be said of it."""

    code: str
    named: str


LEFT_OUT = {
    "exit at import": Fault("import sys; sys.exit(3)\n", "sys.exit(3)"),
    "exit without a code": Fault("raise SystemExit\n", "sys.exit(None)"),
    "panic at import": Fault("raise Panic('core dumped')\n", "Panic: core dumped"),
    "no such library": Fault("import no_such_library\n", "no_such_library"),
    "exit in a declaration": Fault(
        "@hookimpl\ndef pegboard_commands(): raise SystemExit(1)\n", "sys.exit(1)"
    ),
    "None declared": Fault(
        "@hookimpl\ndef pegboard_commands(): return None\n",
        "pegboard_commands returned None, not a sequence",
    ),
    "one declaration, not a list": Fault(
        "@hookimpl\ndef pegboard_commands(): return Command('x', 'module:x', '')\n",
        "pegboard_commands returned Command",
    ),
    "texts declared": Fault(
        "@hookimpl\ndef pegboard_tracking_stores(): return ['x']\n", "'x' was declared"
    ),
    "a name that is not text": Fault(
        "@hookimpl\ndef pegboard_model_flavors(): return [Flavor(7, 'module:x', '')]\n", "name"
    ),
    "a store that is no target": Fault(
        "@hookimpl\ndef pegboard_tracking_stores(): return [Backend('x', 'a b', '')]\n",
        "'target' is 'a b', not",
    ),
    "a function in place of a target": Fault(
        "@hookimpl\ndef pegboard_tracking_stores(): return [Backend('x', print, '')]\n",
        "'target' is <built-in function print>",
    ),
    "settings in a list": Fault(
        "@hookimpl\ndef pegboard_settings(): return ['size']\n",
        "pegboard_settings returned list ['size'], not 'package.module:Settings'",
    ),
    "a misspelt hook": Fault("@hookimpl\ndef pegboard_comands(): return []\n", "pegboard_comands"),
}
"""Plugins that no part of can be used."""

CONTEXTS = {
    "a list": Fault("return ['team', 'blue']", "returned list ['team', 'blue'], not a mapping"),
    "None": Fault("return None", "returned None, not a mapping"),
    "a number": Fault("return {'cores': 8}", "'cores' = 8, which is not text"),
    "a key that no store takes": Fault("return {'': 'x'}", "empty"),
    "an error": Fault("raise KeyError('USER')", "KeyError: 'USER'"),
    "an exit": Fault("raise SystemExit(9)", "sys.exit(9)"),
    "a panic": Fault("raise Panic('oops')", "Panic: oops"),
}
"""What the tags of a run are not."""

OPENS = {
    "None": Fault("return None", "returned None"),
    "a list": Fault("return []", "opened list [] in place of its tracking store"),
    "an error": Fault("raise AttributeError('no bucket')", "AttributeError: no bucket"),
    "an exit": Fault("raise SystemExit(2)", "sys.exit(2)"),
    "a library that is missing": Fault("import no_such_library", "no_such_library"),
}
"""What the opening of a store is not."""


@frozen
class House:
    """A directory with plugins of its own beside those that are installed."""

    place: Path

    def install(self, name: str, code: str) -> None:
        """Install a plugin of that name with that code, as pip would."""
        site, module = self.place / "site", f"fake_{name.replace('-', '_')}"
        info = site / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(HEADER + code, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[pegboard]\n{name} = {module}\n")

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PEGBOARD_")}
        place = str(self.place)
        return {**kept, "PYTHONPATH": f"{place}/site", "XDG_CONFIG_HOME": place}

    def python(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these plugins."""
        return subprocess.run(
            [sys.executable, *args],
            cwd=self.place,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def pegboard(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Call the command line with these plugins."""
        return self.python("-c", "from pegboard.cli import main; main()", *args)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Run a server with these plugins; yield its URL."""
        code = "from pegboard.cli import main; main()"
        with (self.place / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code, "server", "--port", "0"],
                cwd=self.place,
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            try:
                assert process.stdout is not None
                yield process.stdout.readline().rpartition(" ")[2].strip()
            finally:
                process.terminate()
                process.communicate(timeout=60)

    def plugins(self) -> dict[str, dict[str, Any]]:
        """Return what ``pegboard plugins`` says of each."""
        listed = self.pegboard("plugins", "--json")
        assert listed.returncode == 0, listed.stderr
        return {plugin["name"]: plugin for plugin in json.loads(listed.stdout)}

    def failures(self) -> dict[str, str]:
        """Return what ``pegboard doctor`` calls failures, by check."""
        examined = self.pegboard("doctor", "--json")
        assert examined.returncode == 1, examined.stderr
        found = json.loads(examined.stdout)
        return {each["check"]: each["found"] for each in found if each["state"] == "fail"}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def _name(fault: str) -> str:
    return fault.replace(" ", "-").replace(",", "").lower()


@frozen
class Said:
    """What was said of many faulty plugins at once."""

    plugins: dict[str, dict[str, Any]]
    failures: dict[str, str]
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def left_out(tmp_path_factory: pytest.TempPathFactory) -> Said:
    house = House(tmp_path_factory.mktemp("left-out"))
    for name, fault in LEFT_OUT.items():
        house.install(_name(name), fault.code)
    return Said(house.plugins(), house.failures(), house.pegboard("experiments", "create", "mine"))


@pytest.mark.parametrize(("name", "fault"), LEFT_OUT.items(), ids=LEFT_OUT)
def test_a_plugin_that_cannot_be_used_is_left_out_and_named(
    left_out: Said, name: str, fault: Fault
) -> None:
    plugin = left_out.plugins[_name(name)]
    assert plugin["state"] == "error"
    assert fault.named in plugin["error"]
    assert fault.named in left_out.failures[f"plugin {_name(name)}"]
    # Commands of others do their work, and say once what is missing from it.
    assert left_out.done.returncode == 0
    assert left_out.done.stdout.startswith("Created the experiment 'mine'")
    [line] = [line for line in left_out.done.stderr.splitlines() if f"'{_name(name)}'" in line]
    assert fault.named in line


def test_a_script_is_told_once_what_is_left_out(house: House) -> None:
    house.install("faulty", LEFT_OUT["exit at import"].code)
    script = "import pegboard\nfor _ in 'ab':\n    with pegboard.start_run(): pass\nprint('done')"
    done = house.python("-c", script)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.count("'faulty' is left out: it tried to end the process") == 1


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Said:
    house = House(tmp_path_factory.mktemp("contexts"))
    for name, fault in CONTEXTS.items():
        code = f"@hookimpl\ndef pegboard_run_context():\n    {fault.code}\n"
        house.install(_name(name), code)
    house.install("sound", "@hookimpl\ndef pegboard_run_context(): return {'team': 'blue'}\n")
    script = (
        "import pegboard\n"
        "for _ in 'ab':\n"
        "    with pegboard.start_run() as run: pegboard.log_metric('loss', 1)\n"
        "pegboard.Client().create_registered_model('m')\n"
        "data = pegboard.get_run(run.info.run_id).data\n"
        "print(data.tags['team'], data.metrics['loss'])\n"
    )
    return Said(house.plugins(), house.failures(), house.python("-c", script))


@pytest.mark.parametrize(("name", "fault"), CONTEXTS.items(), ids=CONTEXTS)
def test_a_context_that_is_none_harms_no_run_and_is_named(
    contexts: Said, name: str, fault: Fault
) -> None:
    done = contexts.done
    assert (done.returncode, done.stdout) == (0, "blue 1.0\n"), done.stderr
    assert "Traceback" not in done.stderr
    # One line for both runs; another for the change of the registry, whose author is not known.
    lines = [line for line in done.stderr.splitlines() if f"'{_name(name)}'" in line]
    assert len([line for line in lines if "pegboard_run_context" in line.split("failed")[0]]) == 1
    assert all(fault.named in line for line in lines)
    plugin = contexts.plugins[_name(name)]
    assert plugin["state"] == "error"
    assert fault.named in plugin["faults"][0]
    assert fault.named in contexts.failures[f"plugin {_name(name)}"]
    assert contexts.plugins["sound"]["state"] == "ok"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what a store says that cannot be opened, by the fault of its plugin."""
    house = House(tmp_path_factory.mktemp("opens"))
    for name, fault in OPENS.items():
        house.install(
            _name(name),
            f"def open_it(uri, settings):\n    {fault.code}\n"
            "@hookimpl\n"
            f"def pegboard_tracking_stores(): return [\n"
            f"    Backend({_name(name)!r}, 'fake_{_name(name).replace('-', '_')}:open_it', '')]\n",
        )
    script = (
        "import sys\n"
        "from pegboard.host import Host\n"
        "from pegboard.errors import PluginError\n"
        "house = Host()\n"
        "for name in sys.argv[1:]:\n"
        "    try: house.tracking_store(f'{name}:x')\n"
        "    except PluginError as error: print(error.message)\n"
    )
    done = house.python("-c", script, *map(_name, OPENS))
    listed = house.pegboard("--tracking-uri", "none:x", "runs", "list")
    assert listed.returncode == 1
    assert listed.stderr.startswith("error: The plugin 'none' opened nothing")
    return dict(zip(OPENS, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize(("name", "fault"), OPENS.items(), ids=OPENS)
def test_a_store_that_is_none_is_refused_by_the_name_of_its_plugin(
    opened: dict[str, str], name: str, fault: Fault
) -> None:
    assert opened[name].startswith(f"The plugin '{_name(name)}' ")
    assert fault.named in opened[name]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("raise SystemExit(4)", "sys.exit(4)"),
        Fault("raise Panic('x')", "Panic: x"),
        Fault("return None", "is NoneType, not a click command"),
    ],
)
def test_a_command_that_cannot_be_loaded_is_named(house: House, fault: Fault) -> None:
    house.install(
        "faulty",
        f"def __getattr__(name):\n    if name == 'shine':\n        {fault.code}\n"
        "    raise AttributeError(name)\n"
        "@hookimpl\n"
        "def pegboard_commands(): return [Command('shine', 'fake_faulty:shine', 'Shines.')]\n",
    )
    done = house.pegboard("shine")
    assert done.returncode == 1
    assert "'shine'" in done.stderr
    assert fault.named in done.stderr


@pytest.mark.parametrize(
    "fault",
    [
        Fault("return None", "returned None, not a Verdict"),
        Fault("return True", "returned bool True, not a Verdict"),
        Fault("raise SystemExit(0)", "sys.exit(0)"),
        Fault("raise KeyError('x')", "KeyError: 'x'"),
    ],
)
def test_a_gate_that_fails_lets_nothing_pass_and_is_named(house: House, fault: Fault) -> None:
    house.install(
        "faulty",
        f"from pegboard_registry.hookspecs import Gate\n"
        f"def check(promotion, registry, host):\n    {fault.code}\n"
        "@hookimpl\ndef pegboard_gates(): return [Gate('odd', 'fake_faulty:check', '')]\n",
    )
    (house.place / "pegboard.toml").write_text("[registry]\ngates = { champion = ['odd'] }\n")
    script = (
        "import pegboard\n"
        "client = pegboard.Client()\n"
        "client.create_registered_model('m')\n"
        "client.create_model_version('m', 'file:///nowhere')\n"
        "try: client.set_registered_model_alias('m', 'champion', '1')\n"
        "except pegboard.PegboardError as error: print(error.message)\n"
        "print(client.get_registered_model('m').aliases)\n"
    )
    done = house.python("-c", script)
    said, aliases = done.stdout.splitlines()
    assert "The gate 'odd' of the plugin 'faulty'" in said
    assert fault.named in said
    assert aliases == "{}"


_MINE = "@hookimpl\ndef pegboard_commands(): return [Command('mine', 'os:getcwd', 'x')]\n"


def test_what_two_plugins_claim_is_shown_as_a_conflict_with_both_names(
    house: House,
) -> None:
    for name in ("one", "two"):
        house.install(name, _MINE)
    plugins = house.plugins()
    for name in ("one", "two"):
        described = plugins[name]
        assert described["state"] == "conflict"
        [fault] = described["faults"]
        assert "'mine'" in fault
        assert "'one' and 'two'" in fault
    assert "'one' and 'two'" in house.failures()["plugins"]
    asked = house.pegboard("mine")
    assert asked.returncode == 1
    assert "'one' and 'two'" in asked.stderr
    # What is not contested goes on.
    assert house.pegboard("experiments", "create", "x").returncode == 0


@pytest.mark.parametrize(
    ("kind", "hook", "declared"),
    [
        ("command", "pegboard_commands", "Command('doctor', 'os:getcwd', 'x')"),
        ("API name", "pegboard_api", "ApiName('log_metric', 'os:getcwd', 'x')"),
    ],
)
def test_what_pegboard_has_itself_is_shown_as_a_conflict(
    house: House, kind: str, hook: str, declared: str
) -> None:
    house.install("greedy", f"@hookimpl\ndef {hook}(): return [{declared}]\n")
    described = house.plugins()["greedy"]
    assert described["state"] == "conflict"
    assert f"The {kind}" in described["faults"][0]
    assert "'greedy'" in house.failures()["plugins"]


def test_endpoints_of_a_plugin_that_fails_are_named_by_the_doctor(
    house: House,
) -> None:
    house.install("faulty", "@hookimpl\ndef pegboard_endpoints(): raise SystemExit(5)\n")
    assert "sys.exit(5)" in house.failures()["plugin faulty"]


LATE = {
    "library": ("import no_such_library", "no_such_library"),
    "exit": ("import sys; sys.exit(3)", "sys.exit(3)"),
    "panic": ("class Panic(BaseException): ...\nraise Panic('core dumped')", "core dumped"),
    "syntax": ("def endpoints(:", "SyntaxError"),
    "list": ("def endpoints(): return ['GET /x']", "'GET /x'"),
    "fewer": ("def endpoints(): return []", "has no endpoint GET /late/fewer"),
}
"""Modules of endpoints whose fault shows when they are first asked for, and what names it."""


def test_endpoints_whose_module_cannot_be_imported_fail_alone_in_their_form(house: House) -> None:
    house.install(
        "late",
        "from pegboard_wire.lazy import EndpointModule\n"
        "def tell(status, code, message): return {'sorry': message, 'status': status}\n"
        "@hookimpl\ndef pegboard_endpoints():\n"
        f"    return [EndpointModule(f'late_{{name}}:endpoints', f'GET /late/{{name}}', "
        f"tell='fake_late:tell') for name in {list(LATE)}]\n",
    )
    for name, (code, _) in LATE.items():
        (house.place / "site" / f"late_{name}.py").write_text(code)
    with house.serving() as url:
        for name in LATE:
            for method, status in (("GET", 500), ("GET", 500), ("POST", 405)):
                answer = requests.request(method, f"{url}/late/{name}", timeout=30)
                assert answer.status_code == status, name
                assert answer.json().keys() == {"sorry", "status"}
                assert "request id" in answer.json()["sorry"] or status == 405
                assert str(house.place) not in answer.text
        assert requests.get(f"{url}/v1/models", timeout=30).status_code == 200
        assert requests.get(f"{url}/health", timeout=30).status_code == 200
    log = (house.place / "log").read_text().splitlines()
    errors = [line for line in log if '"kind":"error"' in line]
    for name, (_, cause) in LATE.items():
        assert sum(cause in line for line in errors) == 2, name


def test_time_is_taken_of_imports_and_hooks_and_what_is_slow_is_marked(
    house: House,
) -> None:
    house.install(
        "slow",
        _MINE + "@hookimpl\ndef pegboard_run_context(): return {}\n",
    )
    # Slow is what takes longer than a bound, which nothing is under here, and then everything.
    script = (
        "import sys\n"
        "from pegboard import plugin_calls\n"
        "plugin_calls.SLOW_SECONDS = float(sys.argv.pop(1))\n"
        "from pegboard.cli import main; main()\n"
    )
    parts = ["import", "pegboard_commands", "pegboard_run_context"]
    for bound, slow, state in (("1e9", [], "ok"), ("-1", parts, "slow")):
        listed = json.loads(house.python("-c", script, bound, "plugins", "--json").stdout)
        [mine] = [plugin for plugin in listed if plugin["name"] == "slow"]
        assert sorted(mine["seconds"]) == parts
        assert (mine["state"], mine["slow"]) == (state, slow)
    examined = json.loads(house.python("-c", script, "-1", "doctor", "--json").stdout)
    [found] = [finding for finding in examined if finding["check"] == "plugin slow"]
    assert found["state"] == "warn"
    assert "import" in found["found"]


def test_a_run_that_waits_for_a_slow_plugin_says_so_once(house: House) -> None:
    house.install("slow", "@hookimpl\ndef pegboard_run_context(): return {}\n")
    script = (
        "import pegboard\n"
        "from pegboard_scripting.fluent import hooks\n"
        "hooks.SLOW_SECONDS = -1\n"
        "for _ in 'ab':\n"
        "    with pegboard.start_run(): pass\n"
    )
    done = house.python("-c", script)
    assert done.stderr.count("'slow'") == 1
    assert "every start of a run waits for" in done.stderr


def test_a_plugin_cannot_keep_sigterm_from_ending_the_process(
    house: House,
) -> None:
    house.install(
        "hang",
        "import os, signal\n"
        "@hookimpl\ndef pegboard_run_context(): os.kill(os.getpid(), signal.SIGTERM); return {}\n",
    )
    script = (
        "import pegboard, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "pegboard.set_experiment('e')\n"
        "from pegboard_scripting.fluent import lifetime\n"
        "lifetime._chain_sigterm()\n"
        "pegboard.start_run()\n"
        "print('not ended')\n"
    )
    done = house.python("-c", script)
    assert (done.returncode, done.stdout) == (7, "")
