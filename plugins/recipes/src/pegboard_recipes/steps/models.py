"""How a recipe's models are kept: in a safe form where that is possible."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from pegboard import host as hosts
from pegboard.errors import InvalidValue, PluginError

from pegboard_recipes import classifier, code
from pegboard_recipes.configuration import Configuration
from pegboard_recipes.tracking import api

_FORMS = ("skops", "cloudpickle")


def save_model(
    config: Configuration,
    model: Any,
    place: Path,
    *,
    signature: Any = None,
    whole: Path | None = None,
) -> None:
    """Save a model of scikit-learn: by skops, which runs nothing when it is read, else pickled.

    What is pickled may be made of the user's code, so that is saved with it. ``whole`` is a model
    that this one is a part of: it needs no more packages than that.
    """
    sklearn = api("sklearn")
    if not hosts.current().model_flavor(classifier.NATIVE).accepts(model):
        from sklearn.pipeline import make_pipeline

        # LightGBM's estimators and the like: a pipeline of one step is a model of scikit-learn.
        model = make_pipeline(model)
    given: dict[str, Any] = {"signature": signature}
    if whole is not None:
        given["pip_requirements"] = _needed(whole)
    try:
        sklearn.save_model(model, place, serialization_format=_FORMS[0], **given)
    except (InvalidValue, PluginError, TypeError, AttributeError):
        shutil.rmtree(place, ignore_errors=True)
    else:
        return
    own = [config.root / code.STEPS]
    sklearn.save_model(model, place, serialization_format=_FORMS[1], code_paths=own, **given)


def _needed(model: Path) -> list[str]:
    """Return the packages that a model which is saved needs."""
    text = (model / "requirements.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line]


def load(place: Path) -> Any:
    """Return a model that this recipe has saved on this machine."""
    return api("sklearn").load_model(place, trust=True)


def save_classifier(
    config: Configuration, native: Path, place: Path, signature: Any, classes: list[Any]
) -> None:
    """Save a classifier that predicts labels and how likely each is, from one of scikit-learn."""
    own = config.step("train")
    needed = [*_needed(native), f"pandas=={metadata.version('pandas')}"]
    api("pyfunc").save_model(
        place,
        python_model=str(Path(__file__).with_name("served_classifier.py")),
        artifacts={"model_path": str(native)},
        model_config={
            "prefix": own.get("predict_prefix", classifier.PREFIX),
            "classes": [str(each) for each in classes],
        },
        signature=signature,
        pip_requirements=list(dict.fromkeys(needed)),
        code_paths=[config.root / code.STEPS] if _has_code(native) else None,
    )
    _add_flavors(place)


def _has_code(place: Path) -> bool:
    return (place / "code").is_dir()


def _add_flavors(place: Path) -> None:
    """Let the model be loaded as that of scikit-learn, too, and here without its code."""
    import yaml

    file, inner = place / "MLmodel", place / "artifacts" / "sk_model"
    whole = yaml.safe_load(file.read_text(encoding="utf-8"))
    native = yaml.safe_load((inner / "MLmodel").read_text(encoding="utf-8"))["flavors"]["sklearn"]
    native["pickled_model"] = f"artifacts/sk_model/{native['pickled_model']}"
    native["code"] = whole["flavors"]["python_function"].get("code")
    whole["flavors"] |= {classifier.NATIVE: native, classifier.NAME: {"native": dict(native)}}
    file.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
