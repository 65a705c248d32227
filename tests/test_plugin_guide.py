"""PLUGIN_GUIDE.md says what is so: its files, its hooks and its contracts are the real ones."""

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

import pytest
from attrs import frozen
from pegboard import hookspecs

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "PLUGIN_GUIDE.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "contrib" / "store-json"

CONTRACTS = {
    "pegboard.contracts.tracking": ["TrackingStore", "MetricWriter", "MetricColumns"],
    "pegboard.contracts.logged_models": ["LoggedModelStore", "DatasetFilter", "ModelOrder"],
    "pegboard.contracts.registry": ["ModelRegistry", "FilesOwner", "Promotion", "Verdict"],
    "pegboard.contracts.models": ["ModelFlavor", "SavedFlavor", "Trust", "Predictor"],
    "pegboard.contracts.traces": ["TraceStore"],
    "pegboard_wire.http": ["Endpoint", "Call", "Answer", "Identity", "Permission"],
    "pegboard.contracts.artifacts": ["ArtifactStore"],
    "pegboard.contracts.llm": [
        "LLMProvider",
        "ChatRequest",
        "ChatMessage",
        "ChatAnswer",
        "TokenUsage",
    ],
    "pegboard.contracts.evaluation": ["Evaluator", "EvaluationResult"],
    "pegboard.contracts.projects": ["ProjectRunner", "ProjectJob", "SubmittedJob"],
    "pegboard_stores.mapping_store": ["MappingStore"],
    "pegboard.hookspecs": [
        "Backend",
        "Component",
        "Command",
        "DatasetType",
        "Gate",
        "Autologger",
        "ApiName",
    ],
    "pegboard.entities": [
        "Experiment",
        "Run",
        "RunInfo",
        "RunData",
        "RunInputs",
        "RunOutputs",
        "Metric",
        "Param",
        "RunTag",
        "DatasetInput",
        "Dataset",
        "DatasetSummary",
        "InputTag",
        "FileInfo",
        "RunStatus",
        "LifecycleStage",
        "ViewType",
    ],
    "pegboard.entities.logged_models": [
        "LoggedModel",
        "LoggedModelInput",
        "LoggedModelOutput",
        "LoggedModelStatus",
    ],
    "pegboard.entities.registry": [
        "RegisteredModel",
        "ModelVersion",
        "ModelVersionStatus",
        "Author",
        "RegistryChange",
        "ChangeKind",
    ],
    "pegboard.entities.traces": [
        "TraceInfo",
        "TraceState",
        "Trace",
        "Span",
        "SpanStatusCode",
        "SpanEvent",
        "SpanLink",
        "Assessment",
        "AssessmentKind",
        "AssessmentError",
        "TraceMetricsQuery",
        "MetricViewType",
        "MetricAggregation",
        "AggregationType",
        "MetricDataPoint",
        "TraceFilterCorrelation",
    ],
}


@frozen
class Block:
    """A block of code in the guide."""

    language: str
    path: str
    text: str


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", GUIDE, re.M | re.S)
    return [Block(*parts) for parts in found]


def test_every_block_is_understood() -> None:
    assert len(blocks()) == GUIDE.count("\n```") / 2
    for block in blocks():
        if block.language == "python":
            ast.parse(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        else:
            pytest.fail(f"a block in {block.language}")


SHOWN = [block for block in blocks() if block.path]


@pytest.mark.parametrize("block", SHOWN, ids=[block.path for block in SHOWN])
def test_a_block_with_a_path_is_part_of_that_file(block: Block) -> None:
    assert block.text in (ROOT / block.path).read_text(encoding="utf-8")


def test_all_that_the_example_needs_is_shown() -> None:
    shown = {path: "".join(b.text for b in SHOWN if b.path == path) for path in paths_of_example()}
    for path, text in shown.items():
        whole = (ROOT / path).read_text(encoding="utf-8")
        assert without_blank_lines(whole) == without_blank_lines(text), path


def paths_of_example() -> list[str]:
    package = EXAMPLE / "src" / "pegboard_store_json"
    files = [path for path in package.glob("*.py") if path.name != "__init__.py"]
    contract_tests = EXAMPLE / "tests" / "test_store.py"
    return [str(path.relative_to(ROOT)) for path in [*files, contract_tests]]


def without_blank_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def is_script(block: Block) -> bool:
    """Whether a block is to be run as it stands: it imports what it uses."""
    first = ast.parse(block.text).body[0] if block.language == "python" else None
    return not block.path and isinstance(first, (ast.Import, ast.ImportFrom))


SCRIPTS = [block.text for block in blocks() if is_script(block)]


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_script_runs(text: str, tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, env=kept, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "{'loss': 0.5}" in done.stdout
    assert list((tmp_path / "runs" / "runs").glob("*.json"))


def definitions() -> dict[str, ast.ClassDef | ast.FunctionDef]:
    """Return the classes and functions that the guide lists without saying they are a file's."""
    found: dict[str, ast.ClassDef | ast.FunctionDef] = {}
    for block in blocks():
        if block.language == "python" and not block.path and not is_script(block):
            for node in ast.parse(block.text).body:
                assert isinstance(node, (ast.ClassDef, ast.FunctionDef))
                assert node.name not in found, f"{node.name} is listed twice"
                found[node.name] = node
    return found


def source_of(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def signature(function: ast.FunctionDef) -> str:
    returns = ast.unparse(function.returns) if function.returns else "nothing said"
    return f"({ast.unparse(function.args)}) -> {returns}"


def shown_methods(definition: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """Yield the methods that the guide is to show.

    Of a contract, those are the public ones; of a class to build on, how it is made.
    """
    contract = any(ast.unparse(base) == "ABC" for base in definition.bases)
    to_build_on = definition.name == "MappingStore"
    for node in definition.body:
        if isinstance(node, ast.FunctionDef):
            public = contract and not node.name.startswith("_")
            if public or (to_build_on and node.name == "__init__"):
                yield node


def members(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield names of fields with their types and defaults, and of methods with their signatures."""
    for node in definition.body:
        if isinstance(node, (ast.AnnAssign, ast.Assign)):
            yield ast.unparse(node).partition("=")[0], ast.unparse(node)
    for method in shown_methods(definition):
        yield method.name, signature(method)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in CONTRACTS.items() for name in names]
)
def test_a_contract_is_listed_as_it_is(module: str, name: str) -> None:
    real = {node.name: node for node in source_of(module).body if isinstance(node, ast.ClassDef)}
    listed = definitions()[name]
    assert isinstance(listed, ast.ClassDef)
    assert dict(members(listed)) == dict(members(real[name]))


def test_what_is_said_of_a_method_is_the_first_line_of_its_docstring() -> None:
    for module, names in CONTRACTS.items():
        for node in source_of(module).body:
            if not isinstance(node, ast.ClassDef) or node.name not in names:
                continue
            listed = listing_of(node.name)
            for method in shown_methods(node):
                if method.name != "__init__":
                    said = (ast.get_docstring(method) or "").partition("\n")[0]
                    assert f"    # {said}\n    def {method.name}(" in listed


def listing_of(name: str) -> str:
    found = re.search(rf"^class {name}\b.*?(?=^class |^```)", GUIDE, re.M | re.S)
    assert found is not None, name
    return found[0]


def test_every_error_and_refusal_is_listed() -> None:
    section = GUIDE.partition("\n## Errors\n")[2].partition("\n## ")[0]
    classes = [n.name for n in source_of("pegboard.errors").body if isinstance(n, ast.ClassDef)]
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == [
        name for name in classes if name != "PegboardError"
    ]
    calls = {
        f"{node.name}({', '.join(arguments(node.args))})"
        for node in source_of("pegboard_stores.refusals").body
        if isinstance(node, ast.FunctionDef)
    }
    assert set(re.findall(r"`(\w+\([^`]*\))`", section)) - {SHAPE_OF_AN_ERROR} == calls


SHAPE_OF_AN_ERROR = 'InvalidValue("What happened.", hint="What to do.")'


def arguments(given: ast.arguments) -> list[str]:
    return [*(a.arg for a in given.args), *(f"{a.arg}=..." for a in given.kwonlyargs)]


def test_links_within_the_guide_lead_somewhere() -> None:
    titles = re.findall(r"^#+ (.*)$", GUIDE, re.M)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    linked = set(re.findall(r"\]\(#([^)]*)\)", GUIDE))
    assert linked
    assert linked <= anchors


def test_every_hook_is_listed_with_its_signature() -> None:
    real = {
        node.name: signature(node)
        for node in source_of(hookspecs.__name__).body
        if isinstance(node, ast.FunctionDef)
    }
    listed = {
        name: signature(node)
        for name, node in definitions().items()
        if isinstance(node, ast.FunctionDef)
    }
    assert listed == real


def test_nothing_is_listed_that_is_not_there() -> None:
    known = {name for names in CONTRACTS.values() for name in names}
    listed = {name for name, node in definitions().items() if isinstance(node, ast.ClassDef)}
    assert listed == known


def test_methods_that_may_be_left_out_are_marked() -> None:
    for module, names in CONTRACTS.items():
        for name in names:
            contract = getattr(importlib.import_module(module), name)
            needed = getattr(contract, "__abstractmethods__", None)
            if not needed:
                continue
            marked = re.split(r"^    (?=def )", listing_of(name), flags=re.M)[1:]
            for text in marked:
                method = text[len("def ") :].partition("(")[0]
                assert ("has a default" in text) == (method not in needed), f"{name}.{method}"


def test_modules_and_names_that_the_guide_speaks_of_exist() -> None:
    for dotted in sorted(set(re.findall(r"`(pegboard(?:\.(?!toml)\w+)+)`", GUIDE))):
        parts = dotted.split(".")
        for length in range(len(parts), 0, -1):
            try:
                found: object = importlib.import_module(".".join(parts[:length]))
            except ModuleNotFoundError:
                continue
            for attribute in parts[length:]:
                found = getattr(found, attribute)
            break
        else:
            pytest.fail(dotted)
