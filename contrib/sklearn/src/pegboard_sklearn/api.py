"""``pegboard.sklearn``: MLflow's functions for scikit-learn models."""

from __future__ import annotations

from pegboard_models import flavor_api

from pegboard_sklearn import options, serialization


def get_default_pip_requirements(
    include_cloudpickle: bool = False, include_skops: bool = False
) -> list[str]:
    """Return the packages that models of this flavor need, as installed here."""
    names = ["scikit-learn"]
    names += ["cloudpickle"] if include_cloudpickle else []
    names += ["skops"] if include_skops else []
    return options.pinned(*names)


sklearn = flavor_api(
    "sklearn",
    {
        "get_default_pip_requirements": get_default_pip_requirements,
        "SERIALIZATION_FORMAT_SKOPS": serialization.SKOPS,
        "SERIALIZATION_FORMAT_PICKLE": serialization.PICKLE,
        "SERIALIZATION_FORMAT_CLOUDPICKLE": serialization.CLOUDPICKLE,
        "SERIALIZATION_FORMAT_JOBLIB": serialization.JOBLIB,
        "SUPPORTED_SERIALIZATION_FORMATS": list(serialization.FORMATS),
    },
    on_demand={"autolog": "pegboard_sklearn.autologging"},
)
