"""The shape of the workspace: what lies where, and what each distribution says about itself."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
from pegboard import hookspecs, targets
from pegboard.plugin_calls import HOOKS
from pegboard.targets import resolve

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = sorted(
    file.parent
    for pattern in ("core/*/pyproject.toml", "plugins/*/pyproject.toml", "contrib/*/pyproject.toml")
    for file in ROOT.glob(pattern)
)
TOP_LEVEL = {
    "LICENSE",
    "PLUGIN_GUIDE.md",
    "README.md",
    "SECURITY.md",
    "changelog.d",
    "contrib",
    "core",
    "plugins",
    "pyproject.toml",
    "tests",
}
MODULES_OF_OTHER_NAMES = {
    "PIL": "pillow",
    "google": "google-genai",
    "llama_index": "llama-index-core",
    "pydantic_ai": "pydantic-ai-slim",
    "pynvml": "nvidia-ml-py",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
FRAGMENT = re.compile(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md")


def tracked_files() -> list[Path]:
    """Return what is committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    paths = [ROOT / name for name in output.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def pyproject(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def package_of(folder: Path) -> Path:
    return folder / "src" / pyproject(folder)["project"]["name"].replace("-", "_")


def is_installed(folder: Path) -> bool:
    """Whether the development environment has the distribution."""
    return importlib.util.find_spec(package_of(folder).name) is not None


def canonical(requirement: str) -> str:
    """Return the normal form of the name that a requirement begins with."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def of_each_distribution(test: Any) -> Any:
    ids = [str(folder.relative_to(ROOT)) for folder in FOLDERS]
    return pytest.mark.parametrize("folder", FOLDERS, ids=ids)(test)


def test_the_top_level_holds_only_what_belongs_there() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    assert {name for name in names if not name.startswith(".")} - TOP_LEVEL == set()


def test_no_file_names_a_package_registry() -> None:
    hosts = [
        "pypi" + ".org",
        "python" + "hosted",
        "npm" + "js",
        "npm" + "mirror",
        "conda" + ".anaconda",
    ]
    pattern = re.compile("|".join(map(re.escape, hosts)).encode())
    found = [path for path in tracked_files() if pattern.search(path.read_bytes())]
    assert found == []


def test_no_lock_file_is_committed() -> None:
    assert [path for path in tracked_files() if path.name in ("uv.lock", "poetry.lock")] == []


def test_every_installed_version_is_pinned() -> None:
    settings = pyproject(ROOT)["tool"]["uv"]
    pins: dict[str, set[str]] = {}
    for pin in settings["constraint-dependencies"]:
        requirement = pin.partition(";")[0]
        pins.setdefault(canonical(pin), set()).add(requirement.partition("==")[2].strip())
    ours = {pyproject(folder)["project"]["name"] for folder in FOLDERS}
    installed = {canonical(d.name): d.version for d in importlib.metadata.distributions()}
    strays = {
        name: version
        for name, version in installed.items()
        if name not in ours and version not in pins.get(name, ())
    }
    assert strays == {}, "run .ci/pin and commit pyproject.toml"


def test_change_fragments_are_well_formed() -> None:
    for path in (ROOT / "changelog.d").iterdir():
        if path.name == "README.md":
            continue
        assert FRAGMENT.fullmatch(path.name), f"{path.name} should be TOPIC.added.md or so"
        text = path.read_text().strip()
        assert text.endswith("."), f"{path.name} should hold whole sentences"
        assert len(text) <= 600, f"{path.name} should be short"


@of_each_distribution
def test_a_distribution_stands_on_its_own(folder: Path) -> None:
    project = pyproject(folder)["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    assert project["description"].endswith(".")
    assert project["license"] == "Apache-2.0"
    assert project["requires-python"] == ">=3.11"
    assert (folder / project["readme"]).read_text().strip()
    assert (package_of(folder) / "py.typed").is_file()
    assert list(folder.glob("tests/**/test_*.py"))


@of_each_distribution
def test_a_distribution_declares_what_it_imports(folder: Path) -> None:
    project = pyproject(folder)["project"]
    extras = project.get("optional-dependencies", {}).values()
    declared = {canonical(item) for item in project.get("dependencies", ())}
    declared |= {canonical(item) for items in extras for item in items}
    own = package_of(folder).name
    undeclared = {
        (module, str(path.relative_to(ROOT)))
        for path in sorted(package_of(folder).rglob("*.py"))
        for module in imported_modules(ast.parse(path.read_text()))
        if module not in sys.stdlib_module_names
        and module != own
        and distributions_of(module).isdisjoint(declared)
    }
    assert undeclared == set()


def distributions_of(module: str) -> set[str]:
    """Return the names of distributions that may provide a module."""
    named = MODULES_OF_OTHER_NAMES.get(module, module)
    return {canonical(named), *map(canonical, installed_modules().get(module, ()))}


@functools.cache
def installed_modules() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level modules that code imports at run time, wherever it does."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and node.module:
                yield node.module.partition(".")[0]
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from imported_modules(node)


ABSENT = {
    "dspy", "flaml", "google-genai", "litellm", "llama-index-core", "openpyxl", "pydantic-ai-slim",
    "ray", "shap", "torch",
}  # fmt: skip
"""Libraries that the development environment does without."""


def test_only_what_needs_a_library_that_is_not_there_is_tested_alone_only() -> None:
    options = pyproject(ROOT)["tool"]["pytest"]["ini_options"]["addopts"]
    ignored = {ROOT / each.removeprefix("--ignore=") for each in options if "--ignore=" in each}
    absent = {folder / "tests" for folder in FOLDERS if not is_installed(folder)}
    files = {path for path in ignored if path.is_file()}
    assert ignored - files == absent
    for tests in absent:
        needed = {canonical(item) for item in pyproject(tests.parent)["project"]["dependencies"]}
        assert needed & ABSENT
    for file in files:
        group = pyproject(file.parents[1])["dependency-groups"]["test"]
        assert {canonical(item) for item in group} & ABSENT


def test_the_import_contracts_cover_every_distribution_of_the_environment() -> None:
    settings = pyproject(ROOT)["tool"]["importlinter"]
    packages = {package_of(folder).name for folder in FOLDERS if is_installed(folder)}
    assert set(settings["root_packages"]) == packages
    layers, plugins = settings["contracts"][:2]
    ranks = [{name.strip() for name in re.split("[|:]", layer)} for layer in layers["layers"]]
    assert set.union(*ranks) == packages
    assert set(plugins["modules"]) == ranks[0] | ranks[1]


def test_the_drawing_of_imports_is_current() -> None:
    command = [sys.executable, str(ROOT / ".ci" / "imports"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# -- the core, and what plugins declare --------------------------------------------------------

CORE = ROOT / "core/host/src/pegboard"
MOST_LINES = 6_000
"""What somebody can read in an afternoon. What is not the host's has a better place: a shared part
in core/stores, core/wire or core/scripting, a part of one component in its plugin."""


def test_the_core_can_be_read_in_an_afternoon() -> None:
    lines = sum(len(path.read_text().splitlines()) for path in CORE.rglob("*.py"))
    assert lines <= MOST_LINES


def entry_modules() -> Iterator[tuple[str, Path, ModuleType]]:
    """Yield each plugin of ours: its name, its package and its entry module.

    Entry modules import nothing but pegboard, so the distributions need not be installed.
    """
    for folder in FOLDERS:
        points = pyproject(folder)["project"].get("entry-points", {}).get("pegboard", {})
        for name, module in points.items():
            path = folder / "src" / f"{module.replace('.', '/')}.py"
            spec = importlib.util.spec_from_file_location(f"entry_module_of_{name}", path)
            assert spec is not None
            assert spec.loader is not None
            loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
            yield name, package_of(folder), loaded


MODULES = list(entry_modules())
SPECS = [
    hookspecs,
    *(
        resolve(module.pegboard_hookspecs())
        for _, _, module in MODULES
        if hasattr(module, "pegboard_hookspecs")
    ),
]


def hooks() -> set[str]:
    """Return the names of all hooks: the host's, and those that plugins of ours bring."""
    return {
        name
        for module in SPECS
        for name, value in vars(module).items()
        if hasattr(value, "pegboard_spec")
    }


def declared_by(module: ModuleType) -> Iterator[object]:
    """Yield what a plugin declares, of every kind."""
    kinds = dict(HOOKS)
    for each in SPECS:
        kinds |= getattr(each, "KINDS", {})
    for hook, _ in kinds.values():
        if implementation := getattr(module, hook, None):
            yield from implementation()


def targets_of(module: ModuleType) -> Iterator[str]:
    for item in declared_by(module):
        for field in attrs.fields(type(item)):
            target = getattr(item, field.name)
            if target and targets.check in (
                field.validator,
                getattr(field.validator, "validator", None),
            ):
                yield target
    for hook in ("pegboard_settings", "pegboard_hookspecs"):
        if implementation := getattr(module, hook, None):
            yield implementation()


@pytest.mark.parametrize(
    ("package", "module"),
    [pytest.param(package, module, id=name) for name, package, module in MODULES],
)
def test_every_target_is_there_and_in_the_package_of_its_plugin(
    package: Path, module: ModuleType
) -> None:
    for target in targets_of(module):
        place, _, name = target.partition(":")
        assert place.partition(".")[0] == package.name, target
        if importlib.util.find_spec(package.name) is not None:
            resolve(target)
            continue
        # Not in this environment: what it needs takes gigabytes.
        path = package.parent / place.replace(".", "/")
        tree = ast.parse(
            (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
        )
        defined = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        defined |= {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        assert not name or name in defined, target


def test_targets_are_found() -> None:
    assert sum(len(list(targets_of(module))) for _, _, module in MODULES) > 100


@pytest.mark.parametrize("hook", sorted(hooks()))
def test_every_hook_has_a_plugin_that_ships(hook: str) -> None:
    having = [
        name for name, _, module in MODULES if hasattr(getattr(module, hook, None), "pegboard_impl")
    ]
    assert having


# -- what distributions use of each other ------------------------------------------------------

SIDE_BY_SIDE = [folder for folder in FOLDERS if folder.parent.name != "core"]
DECLARED = {
    ("pegboard_evaluation", "pegboard_prompts"),
    ("pegboard_clustering", "pegboard_recipes"),
    ("pegboard_evaluation", "pegboard_registry"),
    ("pegboard_evaluation", "pegboard_tracing"),
    ("pegboard_gateway", "pegboard_server"),
    ("pegboard_prompts", "pegboard_models"),
    ("pegboard_prompts", "pegboard_tracing"),
    ("pegboard_projects", "pegboard_context"),
    ("pegboard_projects", "pegboard_server"),
    ("pegboard_recipes", "pegboard_projects"),
    ("pegboard_redis", "pegboard_gateway"),
    ("pegboard_workflows", "pegboard_projects"),
    ("pegboard_docker", "pegboard_projects"),
    ("pegboard_kubernetes", "pegboard_docker"),
    ("pegboard_kubernetes", "pegboard_projects"),
    ("pegboard_ray", "pegboard_evaluation"),
    ("pegboard_ray", "pegboard_projects"),
    ("pegboard_slurm", "pegboard_projects"),
    ("pegboard_serving", "pegboard_models"),
    ("pegboard_serving", "pegboard_server"),
    ("pegboard_sweeps", "pegboard_projects"),
    ("pegboard_lightgbm", "pegboard_sklearn"),
    ("pegboard_xgboost", "pegboard_sklearn"),
    ("pegboard_vertexai", "pegboard_providers"),
    *(
        (f"pegboard_{library}", package)
        for library in (
            "anthropic",
            "dspy",
            "gemini",
            "langchain",
            "litellm",
            "llamaindex",
            "openai",
            "pydantic_ai",
        )
        for package in ("pegboard_models", "pegboard_tracing")
    ),
    *(
        (f"pegboard_{flavor}", "pegboard_models")
        for flavor in ("lightgbm", "onnx", "pytorch", "sklearn", "transformers", "xgboost")
    ),
}
"""The arrows between plugins."""


def sibling_imports() -> Iterator[tuple[str, Path, str, str]]:
    """Yield what plugins import of others, wherever: package, file, module, name."""
    packages = {package_of(folder).name for folder in SIDE_BY_SIDE}
    for folder in SIDE_BY_SIDE:
        own = package_of(folder).name
        for path in sorted(package_of(folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found = [(node.module, alias.name) for alias in node.names]
                elif isinstance(node, ast.Import):
                    found = [(alias.name, "") for alias in node.names]
                else:
                    continue
                for module, name in found:
                    package = module.partition(".")[0]
                    if package in packages and package != own:
                        yield own, path.relative_to(ROOT), module, name


IMPORTED = list(sibling_imports())


def test_the_arrows_between_plugins_are_those_that_are_declared() -> None:
    assert {(own, module.partition(".")[0]) for own, _, module, _ in IMPORTED} == DECLARED


@pytest.mark.parametrize("module", sorted({module for _, _, module, _ in IMPORTED}))
def test_plugins_use_only_what_others_make_public(module: str) -> None:
    public = set(getattr(importlib.import_module(module), "__all__", ()))
    package, _, rest = module.partition(".")
    assert not rest or rest in importlib.import_module(package).__all__
    hidden = [(str(path), name) for _, path, at, name in IMPORTED if at == module]
    assert [each for each in hidden if each[1] not in public] == []


@pytest.mark.parametrize("package", sorted({package for _, package in DECLARED}))
def test_public_names_are_there(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        module.nothing_of_that_name  # noqa: B018
