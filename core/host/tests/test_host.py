"""The host: plugins are found, checked and opened, and none harms another."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from attrs import asdict, frozen
from pegboard import host as hosting
from pegboard.config import Config, PegboardConfig
from pegboard.contracts.models import ModelFlavor
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import ConfigError, NotFound, PluginError, UnknownScheme
from pegboard.hookspecs import Backend, Command, hookimpl
from pegboard.host import Host
from pegboard.uris import Uri
from pegboard_testing.targets import target_of

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs a plugin of that name with that code, as pip would."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules: list[str] = []

    def install(name: str, code: str, distribution: str = "") -> None:
        module = f"fake_{distribution or name}".replace("-", "_")
        (site / f"{module}.py").write_text(HEADER + dedent(code), encoding="utf-8")
        info = site / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution or 'dist-' + name}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(f"[pegboard]\n{name} = {module}\n")
        modules.append(module)

    yield install
    for module in modules:
        sys.modules.pop(module, None)


HEADER = """
from attrs import field, frozen
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.contracts.models import ModelFlavor
from pegboard.contracts.tracking import TrackingStore
from pegboard.hookspecs import *
from pegboard.hookspecs import hookimpl

def fake(contract):
    made = type(contract)("Fake", (contract,), {})
    made.__abstractmethods__ = frozenset()
    return made
"""

GOOD = """
    class Store(fake(TrackingStore)):
        def __init__(self, uri, settings):
            self.uri, self.settings, self.closed = uri, settings, 0

        def close(self):
            self.closed += 1

    @hookimpl
    def pegboard_tracking_stores():
        return [Backend("good", __name__ + ":Store", "A good store")]

    @frozen
    class Settings:
        size: int = 1
        rate: float = 0.5
        name: str = "x"
        on: bool = True
        listed: list[str] = field(factory=list)

    @hookimpl
    def pegboard_settings():
        return __name__ + ":Settings"
"""


def store_of(scheme: str) -> str:
    return f"""
    def open_it(uri, settings):
        store = fake(TrackingStore)()
        store.owner = __name__
        return store

    @hookimpl
    def pegboard_tracking_stores():
        return [Backend({scheme!r}, __name__ + ":open_it", "")]
    """


def host(plugins: Mapping[str, dict[str, Any]] | None = None, *disabled: str) -> Host:
    return Host(
        Config(plugins=dict(plugins or {}), pegboard=PegboardConfig(disabled=list(disabled)))
    )


def test_an_installed_plugin_is_found_and_described(install: Install) -> None:
    install("good", GOOD)
    plugin = host().plugins["good"]
    assert (plugin.distribution, plugin.version) == ("dist-good", "1.2")
    assert (plugin.error, plugin.disabled) == ("", False)
    assert plugin.provides == [("tracking store", "good", "A good store")]


def test_a_store_is_opened_once_with_uri_and_settings(install: Install) -> None:
    install("good", GOOD)
    made = host({"good": {"size": 7}})
    store: Any = made.tracking_store("good:place?a=b")
    assert (store.uri.path, store.uri.query) == ("place", {"a": "b"})
    values = {"size": 7, "rate": 0.5, "name": "x", "on": True, "listed": []}
    assert asdict(store.settings) == values
    assert made.tracking_store("good:place?a=b") is store
    assert made.tracking_store("good:other") is not store
    assert made.settings("good") == store.settings
    made.close()
    assert store.closed == 1
    assert made.tracking_store("good:place?a=b") is not store


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("import does_not_exist_anywhere\n", "does_not_exist_anywhere"),
        ("def (:\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("@hookimpl\ndef pegboard_tracking_stores():\n    return 1 / 0\n", "ZeroDivisionError"),
        ("@hookimpl\ndef pegboard_tracking_stores():\n    return ['x']\n", "not a Backend"),
        (
            "@hookimpl\ndef pegboard_tracking_stores():\n"
            "    return [Flavor('x', 'builtins:print', '')]\n",
            "not a Backend",
        ),
        ("@hookimpl\ndef pegboard_tracking_stores():\n    return None\n", "TypeError"),
        ("@hookimpl\ndef pegboard_tracking_stores(wrong):\n    return []\n", "wrong"),
        ("@hookimpl\ndef pegboard_no_such_hook():\n    return []\n", "no_such_hook"),
        ("@hookimpl\ndef pegboard_settings():\n    return 1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_broken_plugin_is_kept_with_its_error_and_harms_no_other(
    install: Install, code: str, trouble: str
) -> None:
    install("abroken", code)
    install("good", GOOD)
    made = host()
    assert trouble in made.plugins["abroken"].error
    assert made.plugins["good"].error == ""
    assert made.tracking_store("good:x")
    with pytest.raises(UnknownScheme, match="abroken"):
        made.tracking_store("unheard-of:x")


def test_what_two_plugins_claim_is_refused_and_all_else_goes_on(install: Install) -> None:
    install("one", store_of("contested"))
    install("two", store_of("contested"))
    install("good", GOOD)
    made = host()
    assert made.tracking_store("good:x")
    for _ in range(2):
        with pytest.raises(PluginError, match="contested") as caught:
            made.tracking_store("contested:x")
        assert "'one'" in str(caught.value)
        assert "'two'" in str(caught.value)
        assert "disabled" in caught.value.hint
    without_two = host({}, "two")
    without_two.tracking_store("contested:x")


def test_two_kinds_may_share_a_scheme(install: Install) -> None:
    install("one", store_of("shared"))
    files = store_of("shared").replace("tracking", "artifact").replace("Tracking", "Artifact")
    install("two", files)
    made = host()
    made.tracking_store("shared:x")
    made.artifact_store("shared:x")


def test_two_plugins_of_one_name_are_both_shown_and_one_is_used(install: Any) -> None:
    install("same", store_of("first"), distribution="dist-a")
    install("same", store_of("second"), distribution="dist-b")
    plugins = host().plugins
    shown = [plugin for name, plugin in plugins.items() if name.startswith("same")]
    assert {plugin.distribution for plugin in shown} == {"dist-a", "dist-b"}
    assert sorted(bool(plugin.error) for plugin in shown) == [False, True]


def test_a_disabled_plugin_is_not_even_imported(install: Install) -> None:
    install("loud", "raise RuntimeError('imported')\n")
    made = host({}, "loud")
    assert made.plugins["loud"].disabled
    assert made.plugins["loud"].error == ""
    assert "fake_loud" not in sys.modules


def test_a_disabled_plugin_may_keep_its_settings(install: Install) -> None:
    install("good", GOOD)
    made = host({"good": {"anything": 1}}, "good")
    with pytest.raises(PluginError):
        made.settings("good")


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 3, "rate": 1.5, "name": "y", "on": False, "listed": ["a"]},
        {"rate": 2},
        {},
    ],
)
def test_settings_of_the_right_types_pass(install: Install, settings: dict[str, Any]) -> None:
    install("good", GOOD)
    assert asdict(host({"good": settings}).settings("good")).items() >= settings.items()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sise": 3}, "sise"),
        ({"size": "3"}, "size"),
        ({"size": 3.5}, "size"),
        ({"size": True}, "size"),
        ({"rate": "fast"}, "rate"),
        ({"rate": False}, "rate"),
        ({"name": 3}, "name"),
        ({"on": 1}, "on"),
        ({"listed": "a"}, "listed"),
    ],
)
def test_wrong_settings_are_named(install: Install, settings: dict[str, Any], named: str) -> None:
    install("good", GOOD)
    with pytest.raises(ConfigError, match=rf"\[plugins\.good\] {named}"):
        host({"good": settings})


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"PEGBOARD_GOOD_SIZE": "4"}, {"size": 4, "rate": 2.0}),
        ({"PEGBOARD_GOOD_RATE": "0.25", "PEGBOARD_GOOD_ON": "off"}, {"rate": 0.25, "on": False}),
        ({"PEGBOARD_GOOD_NAME": "plain text"}, {"name": "plain text"}),
        ({"PEGBOARD_GOOD_LISTED": '["a", "b"]'}, {"listed": ["a", "b"]}),
        # A variable that is empty is as good as none.
        ({"PEGBOARD_GOOD_SIZE": "", "PEGBOARD_GOOD_NAME": ""}, {"size": 3, "name": "x"}),
    ],
)
def test_a_setting_of_the_environment_goes_before_that_of_the_file(
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    found: dict[str, Any],
) -> None:
    install("good", GOOD)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made = host({"good": {"size": 3, "rate": 2}}).settings("good")
    assert asdict(made).items() >= found.items()


def test_a_fault_is_said_of_the_variable_or_of_the_file_that_has_it(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("good", GOOD)
    monkeypatch.setenv("PEGBOARD_GOOD_ON", "perhaps")
    with pytest.raises(ConfigError) as caught:
        host({"good": {"size": 3}})
    said = "PEGBOARD_GOOD_ON on: expected true or false, not 'perhaps'."
    assert caught.value.message == said
    with pytest.raises(ConfigError) as caught:
        host({"good": {"size": "3"}})
    assert caught.value.message == "[plugins.good] size: expected a whole number, not '3'."


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("goood", "Did you mean [good]? Installed are: "),
        ("trackin", "Did you mean [tracking]? Installed are: "),
        ("htpp", "Did you mean [http]? Installed are: "),
        ("zzz", "Installed are: "),
    ],
)
def test_settings_of_a_plugin_that_is_not_installed_are_an_error(
    install: Install, name: str, hint: str
) -> None:
    install("good", GOOD)
    with pytest.raises(ConfigError, match=f"no plugin is named '{name}'") as caught:
        host({name: {"size": 3}})
    assert caught.value.hint.startswith(hint)


def test_an_unknown_scheme_comes_with_the_known_ones(install: Install) -> None:
    install("good", GOOD)
    with pytest.raises(UnknownScheme, match="goood") as caught:
        host().tracking_store("goood:x")
    assert "good:" in caught.value.hint


def test_a_name_that_is_misspelt_comes_with_the_one_that_is_meant(install: Install) -> None:
    install(
        "vendor",
        "from pegboard.hookspecs import Provider, hookimpl\n"
        "@hookimpl\n"
        "def pegboard_llm_providers():\n"
        "    return [Provider('aardvark', 'vendor:Vendor', 'A vendor.')]\n",
    )
    with pytest.raises(PluginError, match="'ardvark'") as caught:
        host().llm_provider("ardvark", {}, "here")
    assert caught.value.hint.startswith("Did you mean 'aardvark'? Available are: aardvark")


def test_stores_have_their_article() -> None:
    with pytest.raises(UnknownScheme, match="as an artifact store"):
        host().artifact_store("unheard-of:x")
    with pytest.raises(UnknownScheme, match="as a tracking store"):
        host().tracking_store("unheard-of:x")


def test_a_scheme_of_ours_comes_with_what_to_install() -> None:
    with pytest.raises(UnknownScheme, match="pip install pegboard-tracking"):
        host({}, "tracking").tracking_store("sqlite:x.db")


SCHEMES = """
    @hookimpl
    def pegboard_tracking_stores():
        return [Backend("sqlite", "builtins:print", "")]

    @hookimpl
    def pegboard_model_registries():
        return [Backend("sqlite", "builtins:print", "")]

    @hookimpl
    def pegboard_artifact_stores():
        return [Backend("file", "builtins:print", "")]
"""

_OPENERS = ("tracking_store", "artifact_store", "model_registry")


@pytest.mark.parametrize(
    ("uri", "kinds", "hint"),
    [
        ("sqllite:runs.db", ("tracking_store", "model_registry"), "Did you mean sqlite:?"),
        ("SQLite3:///runs.db", ("tracking_store", "model_registry"), "Did you mean sqlite:?"),
        ("htpp://localhost:5000", _OPENERS, "Did you mean http:"),
        ("filee:///data", _OPENERS, "Did you mean file:?"),
        ("mlflow-artifact:/x", ("artifact_store",), "Did you mean mlflow-artifacts:?"),
        ("run:/0123/model", ("artifact_store",), "Did you mean runs:?"),
        ("model:/iris/1", ("artifact_store",), "Did you mean models:?"),
        *(
            (f"{scheme}://u:hush@host/x", _OPENERS, f"There is no store for {name}.")
            for scheme, name in [
                ("postgresql", "PostgreSQL"),
                ("postgresql+psycopg2", "PostgreSQL"),
                ("mysql", "MySQL"),
                ("mssql+pyodbc", "SQL Server"),
                ("databricks", "Databricks"),
                ("s3", "Amazon S3"),
                ("gs", "Google Cloud Storage"),
            ]
        ),
    ],
)
def test_a_scheme_that_nothing_opens_comes_with_what_may_be_meant(
    install: Install, uri: str, kinds: Sequence[str], hint: str
) -> None:
    install("schemes", SCHEMES)
    made = host()
    for kind in kinds:
        with pytest.raises(UnknownScheme) as caught:
            getattr(made, kind)(uri)
        assert caught.value.hint.startswith(hint)
        assert "path:" not in caught.value.hint
        assert ("file:" if kind == "artifact_store" else "sqlite:") in caught.value.hint
        assert "hush" not in str(caught.value)


def test_a_scheme_of_ours_that_is_not_for_this_kind_asks_for_no_installation() -> None:
    with pytest.raises(UnknownScheme) as caught:
        host().artifact_store("sqlite:x.db")
    assert "pip install" not in caught.value.hint


def test_a_missing_flavor_comes_with_the_known_ones(install: Install) -> None:
    install(
        "speaker",
        "Speaker = fake(ModelFlavor)\n"
        "@hookimpl\ndef pegboard_model_flavors():\n"
        "    return [Flavor('parrot', __name__ + ':Speaker', 'Repeats')]\n",
    )
    made = host()
    assert isinstance(made.model_flavor("parrot"), ModelFlavor)
    with pytest.raises(PluginError, match="'parot'") as caught:
        made.model_flavor("parot")
    assert "parrot" in caught.value.hint


def test_a_library_that_is_missing_when_a_store_opens_is_named(install: Install) -> None:
    install(
        "lazy",
        "def open_it(uri, settings):\n    import no_such_library\n\n"
        "@hookimpl\ndef pegboard_tracking_stores():\n"
        "    return [Backend('lazy', __name__ + ':open_it', '')]\n",
    )
    with pytest.raises(PluginError, match=r"'lazy'.*no_such_library"):
        host().tracking_store("lazy:x")


def test_errors_for_people_pass_through_and_nothing_is_kept(install: Install) -> None:
    install(
        "strict",
        "from pegboard.errors import NotFound\ncalls = []\n"
        "def open_it(uri, settings):\n    calls.append(uri)\n    raise NotFound('not there')\n\n"
        "@hookimpl\ndef pegboard_tracking_stores():\n"
        "    return [Backend('strict', __name__ + ':open_it', '')]\n",
    )
    made = host()
    for _ in range(2):
        with pytest.raises(NotFound, match="not there"):
            made.tracking_store("strict:x")
    assert len(sys.modules["fake_strict"].calls) == 2


@frozen
class Depth:
    depth: int = 2


def _open(uri: Uri, settings: Depth) -> TrackingStore:
    made = type("Fake", (TrackingStore,), {})
    made.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    store = made()
    store.settings = settings
    return store  # type: ignore[no-any-return]


class Registered:
    @hookimpl
    def pegboard_tracking_stores(self) -> list[Backend[TrackingStore]]:
        return [Backend("mine", target_of(_open), "Mine")]

    @hookimpl
    def pegboard_settings(self) -> str:
        return target_of(Depth)


def test_a_plugin_can_be_registered_without_installing_it() -> None:
    made = host()
    made.register(Registered(), "mine")
    store: Any = made.tracking_store("mine:x")
    assert store.settings == Depth(2)
    assert made.plugins["mine"].distribution == ""
    with pytest.raises(PluginError, match="already"):
        made.register(Registered(), "mine")


def test_one_plugin_is_not_registered_under_two_names() -> None:
    made = host()
    plugin = Registered()
    made.register(plugin, "mine")
    with pytest.raises(PluginError, match="already, as 'mine'"):
        made.register(plugin, "other")


def test_a_broken_plugin_is_refused_when_registered_and_can_be_registered_again() -> None:
    made = host()
    broken = types.ModuleType("broken")
    broken.pegboard_tracking_stores = hookimpl(lambda: 1 / 0)  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        made.register(broken, "mine")
    made.register(Registered(), "mine")
    assert made.tracking_store("mine:x")


def test_functions_without_the_marker_are_not_hooks() -> None:
    plain = types.ModuleType("plain")
    plain.pegboard_tracking_stores = lambda: [Backend("plain", "builtins:print", "")]  # type: ignore[attr-defined]
    made = host()
    made.register(plain, "plain")
    with pytest.raises(UnknownScheme):
        made.tracking_store("plain:x")


def test_the_process_has_one_host_that_can_be_replaced() -> None:
    mine = host()
    hosting.use(mine)
    try:
        assert hosting.current() is mine
    finally:
        hosting.use(None)
    assert hosting.current() is not mine
    assert hosting.current() is hosting.current()
    hosting.use(None)


def test_the_configuration_settles_what_two_plugins_claim(install: Install) -> None:
    install("one", store_of("contested"))
    install("two", store_of("contested"))
    for owner in ("one", "two"):
        made = Host(Config(pegboard=PegboardConfig(providers={"contested": owner})))
        store: Any = made.tracking_store("contested:x")
        assert store.owner == f"fake_{owner}"
        assert ("tracking store", "contested") not in made.conflicts()
    assert ("tracking store", "contested") in host().conflicts()


def test_only_the_plugins_that_the_stack_names_are_used(install: Install) -> None:
    install("good", GOOD)
    made = Host(Config(pegboard=PegboardConfig(plugins=["good"])))
    used = {name for name, plugin in made.plugins.items() if not plugin.disabled}
    assert used == {"good", "core"}


@pytest.mark.parametrize(("stack", "named"), [(["god"], "'god'"), (["broken"], "ZeroDivision")])
def test_a_stack_whose_plugin_is_missing_or_broken_does_not_start(
    install: Install, stack: list[str], named: str
) -> None:
    install("broken", "1 / 0\n")
    with pytest.raises(PluginError, match=named):
        Host(Config(pegboard=PegboardConfig(plugins=stack)))


def test_a_command_of_the_core_cannot_be_taken_over() -> None:
    made = Host(Config(pegboard=PegboardConfig(plugins=[], providers={"doctor": "greedy"})))

    class Greedy:
        @hookimpl
        def pegboard_commands(self) -> list[Command]:
            return [Command("doctor", "builtins:print", "mine")]

    made.register(Greedy(), "greedy")
    doctor = made.commands()["doctor"]
    assert isinstance(doctor, Command)
    assert doctor.target == "pegboard.cli.doctor:doctor"
    assert made.conflicts() == {("command", "doctor"): ["core", "greedy"]}
