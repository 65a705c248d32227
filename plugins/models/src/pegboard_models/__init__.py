"""Models of any library: logged, saved, loaded by URI, checked against their signatures.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_models import autologging as autologging
    from pegboard_models.datatypes import DataType as DataType
    from pegboard_models.enforcement import SchemaMismatch as SchemaMismatch
    from pegboard_models.flavor_apis import flavor_api as flavor_api
    from pegboard_models.loading import load_native as load_native
    from pegboard_models.loading import load_pyfunc as load_pyfunc
    from pegboard_models.mlmodel import Model as Model
    from pegboard_models.model_files import local_copy as local_copy
    from pegboard_models.pyfunc_model import PyFuncModel as PyFuncModel
    from pegboard_models.saving import save_model as save_model
    from pegboard_models.schema import ColSpec as ColSpec
    from pegboard_models.schema import Schema as Schema
    from pegboard_models.schema import TensorSpec as TensorSpec
    from pegboard_models.signature import ModelSignature as ModelSignature
    from pegboard_models.trusting import TrustLike as TrustLike
    from pegboard_models.trusting import require_pickle as require_pickle
    from pegboard_models.trusting import trust_of as trust_of

_HOMES = {
    "ColSpec": "schema",
    "DataType": "datatypes",
    "Model": "mlmodel",
    "ModelSignature": "signature",
    "PyFuncModel": "pyfunc_model",
    "Schema": "schema",
    "SchemaMismatch": "enforcement",
    "TensorSpec": "schema",
    "TrustLike": "trusting",
    "autologging": "autologging",
    "flavor_api": "flavor_apis",
    "load_native": "loading",
    "load_pyfunc": "loading",
    "local_copy": "model_files",
    "require_pickle": "trusting",
    "save_model": "saving",
    "trust_of": "trusting",
}
"""By public name the module that has it, which may be the name itself."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOMES[name]}")
    value = home if _HOMES[name] == name else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
