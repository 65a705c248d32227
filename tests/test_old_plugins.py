"""Plugins for earlier versions of pegboard: each is named with what to change in it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import frozen
from pegboard import former

HEADER = (
    "from pegboard.hookspecs import hookimpl, Backend, Command, DatasetType, Autologger, ApiName\n"
)

TARGET = "names what it offers as a text, 'package.module:attribute'"


@frozen
class Old:
    """The code of a plugin, and what is to be said of it."""

    code: str
    named: str


def declares(hook: str, declaration: str) -> str:
    return f"def thing(*given): ...\n@hookimpl\ndef {hook}(): return [{declaration}]\n"


OLD = {
    "backend": Old(declares("pegboard_tracking_stores", "Backend('x', thing, '')"), TARGET),
    "command": Old(declares("pegboard_commands", "Command('x', thing, '')"), TARGET),
    "dataset": Old(
        declares("pegboard_dataset_types", "DatasetType('x', thing, thing, '')"), TARGET
    ),
    "autologger": Old(
        declares("pegboard_autologgers", "Autologger('x', 'numpy', thing, '')"), TARGET
    ),
    "api": Old(declares("pegboard_api", "ApiName('x', thing, '')"), TARGET),
    "keyword-open": Old(
        declares("pegboard_artifact_stores", "Backend(scheme='x', open=thing, summary='')"),
        "names its 'target' as a text, 'package.module:attribute'",
    ),
    "keyword-load": Old(
        declares("pegboard_commands", "Command('x', load=thing, summary='')"),
        "names its 'target' as a text, 'package.module:attribute'",
    ),
    "keyword-enable": Old(
        declares("pegboard_autologgers", "Autologger('x', 'y', enable=thing, summary='')"),
        "names its 'target' as a text, 'package.module:attribute'",
    ),
    "component": Old(
        "from pegboard.hookspecs import Component\n",
        "it is Flavor(name, target, summary) now",
    ),
    "gate": Old(
        "from pegboard.hookspecs import Gate\n",
        "it is in pegboard_registry.hookspecs now",
    ),
    "settings": Old(
        "@hookimpl\ndef pegboard_settings(): return {'size': 1}\n",
        "pegboard_settings returned dict {'size': 1}, not 'package.module:Settings', the name of "
        "an attrs class",
    ),
    "runner-contract": Old(
        "from pegboard.contracts.projects import Runner\n",
        "It is in pegboard_projects.contract now; depend on pegboard-projects",
    ),
    "evaluator-contract": Old(
        "from pegboard.contracts.evaluation import Evaluator\n",
        "It is ModelEvaluator now: it gets a table with all columns",
    ),
    "misspelt": Old("@hookimpl\ndef pegboard_comands(): return []\n", "mean pegboard_commands?"),
    "of-others": Old(
        "@hookimpl\ndef pegboard_quotas(): return []\n", "@hookimpl(optionalhook=True)"
    ),
    "mapping-store": Old(
        "from pegboard.mapping_store import MappingStore\n",
        "It is in pegboard_stores.mapping_store now; depend on pegboard-stores",
    ),
    "filter-parser": Old(
        "from pegboard.filters.parser import parse_filter\n",
        "It is in pegboard_stores.filters now; depend on pegboard-stores",
    ),
    "suites": Old(
        "from pegboard.testing import TrackingStoreContract\n",
        "It is in pegboard_testing now; depend on pegboard-testing",
    ),
    "sessions": Old(
        "import pegboard.http\n",
        "It is in pegboard_wire.client.sessions now; depend on pegboard-wire",
    ),
    "module-of-package": Old(
        "from pegboard import filters\n",
        "It is in pegboard_stores.filters now; depend on pegboard-stores",
    ),
    "split": Old(
        "from pegboard.validation import metric\n",
        "It is in pegboard_stores.validation now; depend on pegboard-stores",
    ),
}
"""Plugins that no part of can be used, by name."""

SETTINGS = "Settings are an instance of the class that pegboard_settings names: write settings.KEY"

OPENS = {
    "index": Old("return settings['size']", SETTINGS),
    "unpack": Old("return dict(**settings)", SETTINGS),
    "get": Old("return settings.get('size')", SETTINGS),
}
"""Stores whose settings are still a mapping to them, by scheme."""


def install(place: Path, name: str, code: str) -> None:
    """Install a plugin of that name with that code, as pip would."""
    site, module = place / "site", f"old_{name.replace('-', '_')}"
    info = site / f"{module}-1.2.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(HEADER + code, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[pegboard]\n{name} = {module}\n")


def run(place: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Call the command line with the plugins of a directory."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PEGBOARD_")}
    return subprocess.run(
        [sys.executable, "-c", "from pegboard.cli import main; main()", *args],
        cwd=place,
        env={**kept, "PYTHONPATH": str(place / "site"), "XDG_CONFIG_HOME": str(place)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what ``pegboard plugins`` says of each."""
    place = tmp_path_factory.mktemp("old")
    for name, old in OLD.items():
        install(place, name, old.code)
    listed = run(place, "plugins", "--json")
    assert listed.returncode == 0, listed.stderr
    return {plugin["name"]: plugin["error"] for plugin in json.loads(listed.stdout)}


@pytest.mark.parametrize("name", OLD)
def test_an_old_plugin_is_shown_with_what_to_change(errors: dict[str, str], name: str) -> None:
    assert OLD[name].named in errors[name]


@pytest.mark.parametrize("scheme", OPENS)
def test_a_store_that_takes_settings_for_a_mapping_is_told_so(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "old_settings.py").write_text(
        "from attrs import frozen\n@frozen\nclass Settings:\n    size: int = 1\n"
    )
    install(
        tmp_path,
        scheme,
        f"def open_it(uri, settings):\n    {OPENS[scheme].code}\n"
        f"@hookimpl\ndef pegboard_tracking_stores():\n"
        f"    return [Backend({scheme!r}, __name__ + ':open_it', '')]\n"
        "@hookimpl\ndef pegboard_settings(): return 'old_settings:Settings'\n",
    )
    done = run(tmp_path, "--tracking-uri", f"{scheme}:x", "runs", "list")
    assert done.returncode == 1
    assert OPENS[scheme].named in done.stderr.replace("\n", " ")


PARTS = {"pegboard.validation"}
"""Modules of which a part is where it was."""


@pytest.mark.parametrize(("old", "new"), former.tables()["modules"].items())
def test_a_module_that_moved_is_where_it_is_said_to_be(old: str, new: str) -> None:
    assert (importlib.util.find_spec(old) is not None) == (old in PARTS)
    assert importlib.util.find_spec(new) is not None
