"""Names are imported as scripts written for MLflow import them."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    "code",
    [
        "import pegboard.pyfunc; pegboard.pyfunc.PythonModel",
        "from pegboard.pyfunc import PythonModel, load_model",
        "from pegboard.pyfunc.model import PythonModelContext",
        "from pegboard.models import infer_signature, ModelSignature",
        "from pegboard.models.signature import infer_signature",
        "from pegboard.types import ColSpec, Schema",
        "from pegboard.types.schema import Array, ColSpec, DataType, Schema",
        "import pegboard.models as models; from pegboard import models as same\n"
        "assert models.infer_signature is same.infer_signature",
        "import pegboard; import pegboard.pyfunc as one\n"
        "assert one.PythonModel is pegboard.pyfunc.PythonModel\n"
        "assert 'load_model' in dir(one)",
        "import importlib.util; assert importlib.util.find_spec('pegboard.nothing') is None",
    ],
)
def test_modules_of_plugins_can_be_imported_by_name(code: str) -> None:
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name", ["pegboard.nothing", "pegboard.models.nothing", "pegboard.models.Model"]
)
def test_a_module_that_no_plugin_adds_is_missing_as_any_other(name: str) -> None:
    done = run(f"import {name}")
    assert "ModuleNotFoundError" in done.stderr
    assert name in done.stderr


def test_models_can_be_loaded_without_importing_libraries_of_data() -> None:
    done = run(
        "import sys, pegboard; pegboard.pyfunc, pegboard.models, pegboard.types\n"
        "print(sorted({'numpy', 'pandas', 'polars', 'cloudpickle'} & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
