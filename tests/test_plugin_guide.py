"""PLUGIN_GUIDE.md and its pages say what is so: their code is run, or is a part of a real file."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pegboard_testing
import pytest
from attrs import frozen
from examples import mail, notice_file, notices
from pegboard import hookspecs, plugin_calls
from pegboard.config import Config, HttpConfig
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.contracts.models import ModelFlavor
from pegboard.host import Host
from pegboard.settings import Secret
from pegboard.targets import resolve
from pegboard_registry.hookspecs import Gate
from pegboard_testing import scaffold

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "PLUGIN_GUIDE.md"
PAGES = [GUIDE, *sorted((ROOT / "core" / "testing" / "guide").glob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
REFERENCE = (ROOT / "core" / "host" / "REFERENCE.md").read_text(encoding="utf-8")
IDS = [page.stem for page in PAGES]

MOST_CHARACTERS = 16_000
"""The guide is read in one go; what is longer belongs on a page of its own."""


@frozen
class Block:
    """A block of code on a page."""

    page: Path
    language: str
    path: str
    text: str


def blocks() -> Iterator[Block]:
    for page, text in TEXTS.items():
        for parts in re.findall(
            r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", text, re.M | re.S
        ):
            yield Block(page, *parts)


BLOCKS = list(blocks())
SHOWN = [block for block in BLOCKS if block.path]
SCRIPTS = [block for block in BLOCKS if not block.path]

SAID = {
    "team": "unknown\n",
    "json:runs": "{'loss': 0.5}\n",
}
"""What the scripts print at the end, by a word in them."""


def test_the_guide_is_short_and_every_page_is_linked() -> None:
    assert len(TEXTS[GUIDE]) <= MOST_CHARACTERS
    for page in PAGES[1:]:
        assert f"]({page.relative_to(ROOT)})" in TEXTS[GUIDE]


def test_every_block_is_understood() -> None:
    assert len(BLOCKS) == sum(text.count("\n```") for text in TEXTS.values()) / 2
    for block in SCRIPTS:
        assert block.language == "python", block


@pytest.mark.parametrize("block", SHOWN, ids=[f"{b.page.stem}-{Path(b.path).name}" for b in SHOWN])
def test_a_block_with_a_path_is_part_of_that_file(block: Block) -> None:
    whole = "\n" + (ROOT / block.path).read_text(encoding="utf-8")
    assert "\n" + block.text in whole


@pytest.mark.parametrize("name", ["team", "polynomials", "fits"])
def test_an_example_that_is_called_whole_is_shown_whole(name: str) -> None:
    path = f"tests/examples/{name}.py"
    assert (ROOT / path).read_text(encoding="utf-8") in [b.text for b in SHOWN if b.path == path]


@pytest.mark.parametrize("word", SAID)
def test_a_script_runs(word: str, tmp_path: Path) -> None:
    [block] = [block for block in SCRIPTS if f'"{word}"' in block.text]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW", "TEAM"))}
    done = subprocess.run(
        [sys.executable, "-c", block.text],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(ROOT / "tests" / "examples")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(SAID[word])


def test_every_script_is_run() -> None:
    assert len(SCRIPTS) == len(SAID)


def test_the_first_plugin_has_seven_lines() -> None:
    lines = (ROOT / "tests/examples/team.py").read_text().splitlines()
    assert len([line for line in lines if line]) == 7


# -- the examples of settings and of hooks -------------------------------------------------------


def test_the_settings_of_the_example_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "swordfish")
    monkeypatch.setenv("PEGBOARD_MAIL_PORT", "587")
    [block] = [block for block in BLOCKS if block.language == "toml"]
    tables = tomllib.loads(block.text)["plugins"]
    http = HttpConfig(timeout_seconds=3.0)
    host = Host(Config(http=http))
    host.register(mail, "mail")
    host.config.plugins.update(tables)
    host._settings.clear()
    assert host.settings("mail") == mail.Settings(
        server="mail.example.org",
        port=587,
        password=Secret("swordfish"),
        rules=[mail.Rule("promoted", ["team@example.org"])],
        http=http,
    )


def test_the_hook_of_the_example_is_implemented_by_another_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    host = Host(Config())
    host.register(notices, "notices")
    host.register(notice_file, "notice-file")
    notices.tell(host, "It is done.")
    assert Path("notices.txt").read_text() == "It is done.\n"


def test_a_plugin_loads_without_the_one_whose_hook_it_implements() -> None:
    host = Host(Config())
    host.register(notice_file, "notice-file")
    assert host.plugins["notice-file"].error == ""


# -- the tables ----------------------------------------------------------------------------------


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading of the guide, without the head."""
    section = TEXTS[GUIDE].partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def hooks() -> dict[str, Any]:
    """Return the hooks of the host, and those that our plugins bring."""
    found = {}
    manager = Host(Config()).manager
    for name in vars(manager.hook):
        if name.startswith("pegboard_"):
            found[name] = getattr(manager.hook, name).spec.function
    return found


def test_every_hook_stands_in_the_table() -> None:
    named = [
        name for row in rows("I want to …") for name in re.findall(r"`(pegboard_\w+)`", row[1])
    ]
    assert sorted(named) == sorted(hooks())


def test_every_suite_and_kind_stands_in_the_table() -> None:
    table = rows("I want to …")
    suites = {name for row in table for name in re.findall(r"\w+Contract", row[3])}
    assert suites == {name for name in pegboard_testing.__all__ if name.endswith("Contract")}
    kinds = {name for row in table for name in re.findall(r"`([\w-]+)`", row[4])}
    assert kinds == set(scaffold.KINDS)


@pytest.mark.parametrize("contract", [ArtifactStore, ModelFlavor])
def test_the_methods_to_write_are_named(contract: Any) -> None:
    [row] = [row for row in rows("I want to …") if f"`{contract.__name__}`:" in row[2]]
    named = re.findall(r"`(\w+)`", row[2])
    assert set(named) - {contract.__name__} == contract.__abstractmethods__


def test_declarations_are_shown_with_their_fields() -> None:
    kinds = {kind for _, kind in plugin_calls.HOOKS.values()} | {Gate}
    shown = {row[0] for row in rows("Declarations and targets")}
    assert shown == {
        f"`{kind.__name__}({', '.join(field.name for field in attrs.fields(kind))})`"
        for kind in kinds
    }


# -- the reference -------------------------------------------------------------------------------


def test_the_reference_is_current() -> None:
    command = [sys.executable, str(ROOT / ".ci" / "reference"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_hook_stands_in_the_reference_with_its_signature() -> None:
    for name, function in hooks().items():
        definition = ast.parse(inspect.getsource(function)).body[0]
        assert isinstance(definition, ast.FunctionDef)
        assert definition.returns is not None
        returns = ast.unparse(definition.returns)
        assert f"def {name}({ast.unparse(definition.args)}) -> {returns}:" in REFERENCE


def test_every_setting_stands_in_the_reference() -> None:
    host = Host(Config())
    targets = [plugin.settings for plugin in host.plugins.values() if plugin.settings]
    assert targets
    for kind in (HttpConfig, *map(resolve, targets)):
        section = REFERENCE.partition(f"\n### {kind.__module__}\n")[2].partition("\n### ")[0]
        for field in attrs.fields(kind):
            assert re.search(rf"^    {field.name}: ", section, re.M), f"{kind}: {field.name}"


def test_every_contract_stands_in_the_reference() -> None:
    for name, member in vars(hookspecs).items():
        if inspect.isclass(member) and member.__module__ == hookspecs.__name__:
            assert re.search(rf"^class {name}\b", REFERENCE, re.M)
    for suite in (
        "ArtifactStore",
        "LoggedModelStore",
        "ModelRegistry",
        "TraceStore",
        "TrackingStore",
    ):
        assert re.search(rf"^class {suite}\(ABC\):", REFERENCE, re.M)


# -- what is spoken of ---------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]*)\)", TEXTS[page]):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not anchor or anchor in anchors, link


def test_links_within_the_reference_lead_somewhere() -> None:
    titles = re.findall(r"^### (.*)$", REFERENCE, re.M)
    linked = re.findall(r"\]\(#([^)]*)\)", REFERENCE)
    assert linked == [title.replace(".", "") for title in titles]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_modules_and_names_that_are_spoken_of_exist(page: Path) -> None:
    for dotted in sorted(set(re.findall(r"`(pegboard\w*(?:\.(?!toml)\w+)+)`", TEXTS[page]))):
        if dotted not in ("pegboard.polynomial", "pegboard.NAME"):
            assert exists(dotted), dotted


def exists(dotted: str) -> bool:
    """Whether there is a module of that name, or something of that name in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        missing = object()
        for attribute in parts[length:]:
            found = getattr(found, attribute, missing)
        return found is not missing
    return False
