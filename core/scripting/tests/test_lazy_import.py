from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pegboard
import pytest
from pegboard import host
from pegboard_scripting import names

HEAVY = {"attr", "cattrs", "click", "numpy", "pandas", "pluggy", "requests", "rich", "sqlite3"}


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return set(done.stdout.decode().split())


def test_importing_the_package_loads_fewer_than_90_modules_and_no_library() -> None:
    loaded = modules_after("import pegboard")
    assert len(loaded) < 90
    assert not loaded & HEAVY


def test_using_the_scripting_api_loads_no_library_that_it_does_not_need() -> None:
    loaded = modules_after("import pegboard; pegboard.start_run, pegboard.search_runs")
    assert not loaded & (HEAVY - {"attr", "pluggy"})


def test_names_for_type_checkers_are_the_names_that_exist() -> None:
    tree = ast.parse(Path(str(names.__file__)).read_text())
    declared = {
        str(alias.asname): (str(node.module), alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert declared.keys() == names.TARGETS.keys()
    for name, (module, original) in declared.items():
        assert name == original
        home = importlib.import_module(module)
        assert getattr(pegboard, name) is getattr(home, original)


def test_every_name_keeps_its_place_until_another_host_is_in_use() -> None:
    assert pegboard.log_metric is pegboard.__dict__["log_metric"]
    host.use(None)
    assert "log_metric" not in pegboard.__dict__
    assert callable(pegboard.log_metric)


def test_every_public_function_and_class_explains_itself() -> None:
    for name in [*pegboard.__all__, *names.TARGETS]:
        assert inspect.getdoc(getattr(pegboard, name)), name


def test_dir_shows_the_public_names() -> None:
    assert {*pegboard.__all__, *names.TARGETS} <= set(dir(pegboard))
    assert "__version__" in dir(pegboard)


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert pegboard.__version__ == version("pegboard")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="log_metrik"):
        pegboard.log_metrik  # noqa: B018
