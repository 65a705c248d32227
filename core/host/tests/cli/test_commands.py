"""plugins, config and doctor."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import Result
from pegboard import host
from pegboard.cli.settings import masked
from pegboard.errors import PegboardError, StoreFull, StoreReadOnly
from pegboard.hookspecs import Backend, Finding, hookimpl
from pegboard.host import Host
from pegboard.host import Plugin as Info
from pegboard.settings import Secret
from pegboard_stores.mapping_store import MappingStore
from pegboard_testing.targets import target_of

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


@frozen
class StoreSettings:
    retries: int = 3
    api_token: str = ""


class StorePlugin:
    """Provides a store in memory, whose faults the test chooses."""

    def __init__(self, faults: Sequence[tuple[str, str]] = ()) -> None:
        self._faults = faults
        self.raises: Exception | None = None

    @hookimpl
    def pegboard_tracking_stores(self) -> Sequence[Backend[Any]]:
        return [Backend("dict", target_of(self._open), "Two dicts")]

    @hookimpl
    def pegboard_settings(self) -> str:
        return target_of(StoreSettings)

    def _open(self, *_: object) -> MappingStore:
        if self.raises is not None:
            raise self.raises
        store = MappingStore({}, {}, artifact_root="memory:x")
        store.faults = lambda: self._faults  # type: ignore[method-assign]
        return store


@pytest.fixture
def use_dict(plain_host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Make the store in memory the configured one."""
    monkeypatch.setenv("PEGBOARD_TRACKING_URI", "dict:")
    made = Host()
    host.use(made)
    return made


def _states(result: Result) -> dict[str, str]:
    return {finding["check"]: finding["state"] for finding in json.loads(result.stdout)}


# -- plugins -----------------------------------------------------------------------------------


def test_plugins_lists_what_each_provides(plain_host: Host, run: Run) -> None:
    plain_host.register(StorePlugin(), "dicts")
    result = run("plugins")
    assert result.exit_code == 0
    assert "dicts" in result.output
    assert "tracking store" in result.output
    assert "Two dicts" in result.output


def test_plugins_as_json_tells_broken_disabled_and_working_ones_apart(
    plain_host: Host, run: Run
) -> None:
    plain_host.register(StorePlugin(), "dicts")
    plain_host.plugins["torn"] = Info("torn", "torn.x", error="ImportError: x")
    plain_host.plugins["off"] = Info("off", "off.x", disabled=True)
    found = {plugin["name"]: plugin for plugin in json.loads(run("plugins", "--json").stdout)}
    assert {name: plugin["state"] for name, plugin in found.items()} == {
        "dicts": "ok",
        "off": "disabled",
        "torn": "error",
    }
    assert found["torn"]["error"] == "ImportError: x"
    assert found["dicts"]["provides"] == [
        {"kind": "tracking store", "name": "dict", "summary": "Two dicts"}
    ]


def test_without_plugins_the_list_says_what_to_install(plain_host: Host, run: Run) -> None:
    result = run("plugins")
    assert result.exit_code == 0
    assert "pip install pegboard-tracking" in result.stderr
    assert json.loads(run("plugins", "--json").stdout) == []


# -- config ------------------------------------------------------------------------------------


def test_config_show_names_the_origin_of_every_value(process: Process, tmp_path: Path) -> None:
    file = tmp_path / "pegboard.toml"
    file.write_text("[host]\ndisabled = ['tracking', 'demo']\n")
    shown = json.loads(process("config", "show", "--json").stdout)
    assert shown["pegboard.tracking_uri"]["origin"] == "default"
    assert shown["pegboard.disabled"] == {"value": ["tracking", "demo"], "origin": str(file)}
    shown = json.loads(process("config", "show", "--json", PEGBOARD_TRACKING_URI="x.db").stdout)
    assert shown["pegboard.tracking_uri"] == {"value": "x.db", "origin": "PEGBOARD_TRACKING_URI"}
    shown = json.loads(process("--tracking-uri", "y.db", "config", "show", "--json").stdout)
    assert shown["pegboard.tracking_uri"] == {"value": "y.db", "origin": "--tracking-uri"}


def test_config_show_spells_keys_as_the_file_does(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What stands in the environment comes before the file.
    monkeypatch.delenv("PEGBOARD_TRACKING_SENDER", raising=False)
    shown = json.loads(process("config", "show", "--json").stdout)
    given = {key: each["value"] for key, each in shown.items() if each["value"] is not None}
    assert {"pegboard.tracking_uri", "pegboard.disabled", "http.retries"} <= given.keys()
    with (tmp_path / "pegboard.toml").open("w") as file:
        for key, value in given.items():
            table, _, name = key.rpartition(".")
            file.write(f"{table}.{name} = {json.dumps(value)}\n")
    again = json.loads(process("config", "show", "--json").stdout)
    written = {key for key, each in again.items() if each["origin"].endswith("pegboard.toml")}
    assert written == given.keys()


def test_config_show_tells_given_settings_of_plugins_from_defaults(
    plain_host: Host, run: Run, tmp_path: Path
) -> None:
    plain_host.register(StorePlugin(), "dicts")
    shown = json.loads(run("config", "show", "--json").stdout)
    assert shown["plugins.dicts.retries"] == {"value": 3, "origin": "default"}


@frozen
class Upstream:
    name: str
    own: Secret
    headers: dict[str, str]


MASKED_UPSTREAM = {"name": "a", "own": "****", "headers": {"password": "****"}}


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("api_token", "abc", "****"),
        ("password", "abc", "****"),
        ("api_token", "", ""),
        ("uri", "https://ann:secret@host/x", "https://ann:****@host/x"),
        ("uri", "s3://b/p?token=abc&x=1", "s3://b/p?token=****&x=1"),
        ("uri", "sqlite:runs.db", "sqlite:runs.db"),
        ("retries", 3, 3),
        ("max_tokens", 3, 3),
        ("own", Secret(""), ""),
        ("own", Secret("abc"), "****"),
        ("upstreams", (Upstream("a", Secret("abc"), {"password": "abc"}),), [MASKED_UPSTREAM]),
    ],
)
def test_secrets_are_masked(key: str, value: object, shown: object) -> None:
    assert masked(key, value) == shown


def test_config_show_begins_with_the_file_in_use(process: Process, tmp_path: Path) -> None:
    assert f"#   {tmp_path / 'pegboard.toml'}" in process("config", "show").stdout.splitlines()
    for name, options in (("pegboard.toml", ()), ("other.toml", ("--config", "other.toml"))):
        (tmp_path / name).write_text("")
        shown = process(*options, "config", "show").stdout
        assert shown.splitlines()[0] == f"# {tmp_path / name}"


def test_a_configuration_that_does_not_exist_is_wrong_usage(process: Process) -> None:
    found = process("--config", "missing.toml", "doctor")
    assert found.returncode == 2
    assert "missing.toml" in found.stderr


# -- doctor ------------------------------------------------------------------------------------


def test_doctor_is_content_with_a_store_that_works(use_dict: Host, run: Run) -> None:
    use_dict.register(StorePlugin(), "dicts")
    result = run("doctor", "--json")
    assert result.exit_code == 0
    assert _states(result)["store"] == "ok"
    assert _states(result)["plugin dicts"] == "ok"


def test_doctor_passes_on_what_the_store_finds_amiss(use_dict: Host, run: Run) -> None:
    use_dict.register(StorePlugin([("A journal is torn.", "Look at it.")]), "dicts")
    result = run("doctor")
    assert result.exit_code == 0
    assert "warn  store: A journal is torn." in result.output
    assert "→ Look at it." in result.output


def test_doctor_fails_on_a_store_that_cannot_be_opened(use_dict: Host, run: Run) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert _states(result)["store"] == "fail"


def test_doctor_fails_on_a_plugin_that_does_not_load(use_dict: Host, run: Run) -> None:
    use_dict.register(StorePlugin(), "dicts")
    use_dict.plugins["torn"] = Info("torn", "torn.x", error="ImportError: x")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert _states(result)["plugin torn"] == "fail"
    assert _states(result)["plugin dicts"] == "ok"


def test_doctor_reports_a_broken_configuration_and_goes_on(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pegboard.toml").write_text("[pegboard]\nurl = 'x'\n")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    states = _states(result)
    assert states["config"] == "fail"
    assert states["python"] == "ok"


class FileStorePlugin(StorePlugin):
    """Makes its store when it is opened."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    @hookimpl
    def pegboard_tracking_stores(self) -> Sequence[Backend[Any]]:
        place = target_of(lambda uri, settings: self.file)
        return [Backend("dict", target_of(self._open), "A file", place=place)]

    def _open(self, *_: object) -> MappingStore:
        self.file.touch()
        return super()._open()


def test_doctor_does_not_create_the_store(use_dict: Host, run: Run, tmp_path: Path) -> None:
    use_dict.register(FileStorePlugin(tmp_path / "x.db"), "files")
    result = run("doctor")
    assert result.exit_code == 0
    assert f"not there yet; made on first use at {tmp_path}/x.db" in result.stdout
    assert list(tmp_path.iterdir()) == []


class Checks:
    """A plugin that checks something."""

    def __init__(self, found: Finding | BaseException) -> None:
        self.found = found

    @hookimpl
    def pegboard_checks(self, host: Host) -> list[Finding]:
        assert host.config.pegboard.tracking_uri
        if isinstance(self.found, BaseException):
            raise self.found
        return [self.found]


def test_doctor_shows_what_plugins_check(use_dict: Host, run: Run) -> None:
    use_dict.register(StorePlugin(), "dicts")
    use_dict.register(Checks(Finding("compass", "warn", "lost", "Look for it.")), "scouts")
    result = run("doctor", "--json")
    assert result.exit_code == 0
    assert _states(result)["compass"] == "warn"


@pytest.mark.parametrize("error", [OSError("no map"), SystemExit(3)])
def test_doctor_names_a_plugin_whose_check_fails_and_goes_on(
    use_dict: Host, run: Run, error: BaseException
) -> None:
    use_dict.register(StorePlugin(), "dicts")
    use_dict.register(Checks(error), "scouts")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    found = [each for each in json.loads(result.stdout) if each["state"] == "fail"]
    assert [each["check"] for each in found] == ["plugin scouts"]
    assert "pegboard_checks failed" in found[0]["found"]
    assert _states(result)["store"] == "ok"


# -- a fault is said once -----------------------------------------------------------------------


def _said_once(result: Result, fault: str) -> None:
    findings = json.loads(result.stdout)
    assert [fault in finding["found"] for finding in findings].count(True) == 1
    assert [finding["state"] for finding in findings].count("fail") == 1
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[trackin]\nuri = 'x'\n", "no plugin is named 'trackin'"),
        ("[tracking\n", "not valid TOML"),
        ("[tracking]\nuri = 3\n", "expected text"),
        ("[plugins.nobody]\nsize = 3\n", "no plugin is named 'nobody'"),
        ("[plugins.dicts]\nsize = 3\n", "no plugin is named 'dicts'"),
        ("[tracking]\nuri = 'nowhere:x'\n", "opens 'nowhere'"),
    ],
)
def test_doctor_says_a_fault_of_the_configuration_once(
    run: Run, tmp_path: Path, text: str, fault: str
) -> None:
    (tmp_path / "pegboard.toml").write_text(text)
    _said_once(run("doctor", "--json"), fault)
    said = run("doctor").output
    assert said.count("not checked, because of the fault above") == said.count("skip")


def test_doctor_says_once_that_a_plugin_is_broken_whose_store_is_wanted(
    use_dict: Host, run: Run
) -> None:
    use_dict.plugins["dicts"] = Info("dicts", "dicts.x", error="ImportError: no dicts")
    result = run("doctor", "--json")
    _said_once(result, "no dicts")
    assert _states(result)["store"] == "skip"


@pytest.mark.parametrize("error", [StoreFull("x.db"), StoreReadOnly("x.db")])
def test_doctor_goes_on_if_the_store_cannot_be_read(
    use_dict: Host, run: Run, error: PegboardError
) -> None:
    plugin = StorePlugin()
    plugin.raises = error
    use_dict.register(plugin, "dicts")
    _said_once(run("doctor", "--json"), error.message)
