"""The contract of flavors: a flavor that keeps it passes, and one that breaks it is noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FLAVOR = """
import json, pickle
from pegboard import paths
from pegboard.contracts.models import ModelFlavor, SavedFlavor
from pegboard.errors import InvalidValue, Refused


class Line:
    def __init__(self, slope):
        self.slope = slope

    def predict(self, data):
        return [self.slope * number for number in data]


class Whole(ModelFlavor):
    name, loader_module = "line", "mlflow.line"

    def accepts(self, model):
        return type(model).__name__ == "Line"

    def save(self, model, directory, options):
        if set(options) - {"form"}:
            raise InvalidValue(f"There is no option {min(options)!r}.")
        if not self.accepts(model):
            raise InvalidValue("This is no line.")
        if options.get("form") == "pickle":
            (directory / "line").write_bytes(pickle.dumps(model.slope))
        else:
            (directory / "line").write_text(json.dumps({"slope": model.slope}))
        return SavedFlavor({"data": "line", **options}, "line", ["line==1.0"])

    def load(self, directory, config, trust):
        file = paths.below(directory, config["data"])
        try:
            if config.get("form") == "pickle":
                if not trust.pickle:
                    raise Refused("A pickle is not trusted.", hint="Trust it.")
                return Line(pickle.loads(file.read_bytes()))
            return Line(json.loads(file.read_text())["slope"])
        except (OSError, ValueError, TypeError) as error:
            raise InvalidValue(f"{file} is damaged: {error}")

    def predictor(self, model, config):
        return lambda data, params: model.predict(data)
"""

TEST = """
import pytest
from pegboard_testing import FlavorContract
from flavors import *


class Flavor{number}(Whole):
    {code}


class Test{number}(FlavorContract):
    @pytest.fixture
    def flavor(self):
        return Flavor{number}()

    @pytest.fixture
    def model(self):
        return Line(2.0)

    @pytest.fixture
    def sample(self):
        return [1.0, 2.0, 3.0]

    @pytest.fixture
    def library(self):
        return "colorsys"

    @pytest.fixture
    def unsafe_options(self):
        return {{"form": "pickle"}}

    def assert_same(self, one, other):
        assert one == other
"""

BROKEN = [
    (
        "def load(self, directory, config, trust):\n"
        "        return Line(pickle.loads((directory / config['data']).read_bytes()))\n"
        "    def save(self, model, directory, options):\n"
        "        saved = super().save(model, directory, {**options, 'form': 'pickle'})\n"
        "        return saved",
        "test_a_pickle_in_place_of_any_file_is_not_run",
    ),
    (
        "def load(self, directory, config, trust):\n"
        "        return Line(json.loads((directory / config['data']).read_text())['slope'])",
        "test_a_damaged_file_is_an_error_for_people",
    ),
    (
        "def load(self, directory, config, trust):\n"
        "        return super().load(directory, config, type(trust)(pickle=True))",
        "test_what_can_run_code_is_loaded_only_if_trusted",
    ),
    (
        "def save(self, model, directory, options):\n"
        "        super().save(model, directory, {})\n"
        "        return SavedFlavor({'data': str(directory / 'line')}, 'line', ['line==1.0'])",
        "test_the_entry_is_made_of_plain_values_without_paths_of_this_machine",
    ),
    (
        "def save(self, model, directory, options):\n"
        "        (directory.parent / 'beside').write_text('')\n"
        "        return super().save(model, directory, options)",
        "test_nothing_is_written_beside_the_directory",
    ),
    (
        "def accepts(self, model):\n"
        "        import colorsys\n"
        "        return type(model).__name__ == 'Line'",
        "test_the_library_is_not_imported_to_tell",
    ),
    (
        "def predictor(self, model, config):\n"
        "        return lambda data, params: model.predict(data)[:-1]",
        "test_generic_predictions_are_those_of_the_library",
    ),
]
"""What a flavor does wrong, and the test that has to notice it."""


def run(place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (place / "flavors.py").write_text(FLAVOR)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=place, capture_output=True, text=True)


def test_a_flavor_that_keeps_the_contract_passes(tmp_path: Path) -> None:
    (tmp_path / "test_whole.py").write_text(TEST.format(number=0, code="pass"))
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_flavors_that_break_the_contract_are_noticed(tmp_path: Path) -> None:
    for number, (code, _) in enumerate(BROKEN):
        text = TEST.format(number=number, code=code)
        (tmp_path / f"test_broken{number}.py").write_text(text)
    chosen = " or ".join(f"(Test{number} and {name})" for number, (_, name) in enumerate(BROKEN))
    done = run(tmp_path, "-k", chosen)
    assert done.returncode == 1, done.stdout + done.stderr
    for number, (_, name) in enumerate(BROKEN):
        assert f"FAILED test_broken{number}.py::Test{number}::{name}" in done.stdout
