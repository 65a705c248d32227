"""Models as weights in safetensors, and the class that is to be made to hold them."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue, NotFound, Refused, quoted
from pegboard.paths import below

FILE = "model.safetensors"
CONSTRUCTOR_FILE = "constructor.json"


def save(model: Any, constructor: Any, arguments: Mapping[str, Any], directory: Path) -> None:
    """Write a model's weights, and how to make the model that they belong to.

    ``constructor`` is a class or function, or ``module:name`` of one. It is called once here with
    ``arguments``, to be sure that what it makes takes the weights.
    """
    import torch
    from safetensors.torch import save_model

    reference = constructor if isinstance(constructor, str) else reference_to(constructor)
    try:
        text = json.dumps({"constructor": reference, "arguments": dict(arguments)}, indent=2)
    except (TypeError, ValueError) as error:
        raise InvalidValue(
            f"The arguments of {quoted(reference)} cannot be kept as JSON: {error}.",
            hint="Give constructor_args with plain values only.",
        ) from None
    save_model(model, str(directory / FILE))
    (directory / CONSTRUCTOR_FILE).write_text(text)
    made = _filled(_called(_imported(reference), reference, arguments), directory)
    ours, theirs = model.state_dict(), made.state_dict()
    if not all(torch.equal(ours[name].cpu(), theirs[name].cpu()) for name in ours):
        raise InvalidValue(f"{quoted(reference)} makes a model that does not keep the weights.")


def load(directory: Path, trust: Trust) -> Any:
    """Make the model and give it its weights.

    Only subclasses of ``torch.nn.Module`` are made, and only of code that is not part of the
    model's own files; anything else has to be named in ``trust``.
    """
    import torch

    reference, arguments = _recipe(below(directory, CONSTRUCTOR_FILE))
    dotted = reference.replace(":", ".")
    trusted = trust.pickle or dotted in trust.types
    if not trusted:
        _refuse_code_of_the_model(reference, directory)
    found = _imported(reference)
    if not (trusted or (isinstance(found, type) and issubclass(found, torch.nn.Module))):
        raise Refused(
            f"The model is made by {quoted(dotted)}, which is not a subclass of torch.nn.Module.",
            hint=f"If that is right, load it with trust=[{dotted!r}].",
        )
    return _filled(_called(found, reference, arguments), directory)


def reference_to(constructor: Any) -> str:
    """Return ``module:name`` of a class or function; InvalidValue if none leads back to it."""
    module, name = constructor.__module__, constructor.__qualname__
    if module == "__main__" or "<locals>" in name:
        raise InvalidValue(
            f"{name!r} is defined where another process cannot import it.",
            hint="Move it to a module, give input_example so that the model can be exported, or "
            "say serialization_format='pickle'.",
        )
    return f"{module}:{name}"


def _recipe(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        recipe = json.loads(file.read_text())
        return str(recipe["constructor"]), dict(recipe["arguments"])
    except FileNotFoundError:
        raise InvalidValue(f"The model lacks its file {file}.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidValue(f"{file} is damaged: {error}.") from None


def _imported(reference: str) -> Any:
    module_name, _, name = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise NotFound(
            f"The model is made by {quoted(reference)}, which cannot be imported: {error}.",
            hint="Install what defines it, or add its folder to PYTHONPATH.",
        ) from error
    return found


def _called(constructor: Any, reference: str, arguments: Mapping[str, Any]) -> Any:
    import torch

    try:
        made = constructor(**arguments)
    except Exception as error:
        # Whatever a constructor of the user raises.
        raise InvalidValue(f"{quoted(reference)} could not be made: {error}") from error
    if not isinstance(made, torch.nn.Module):
        kind = type(made).__name__
        raise InvalidValue(f"{quoted(reference)} made {kind}, which is not a torch.nn.Module.")
    return made


def _filled(made: Any, directory: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    path = below(directory, FILE)
    try:
        load_model(made, path)
    except FileNotFoundError:
        raise InvalidValue(f"The model lacks its file {path}.") from None
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(line.strip() for line in str(error).strip().splitlines()[:2])
        raise InvalidValue(f"{path} does not fit {type(made).__name__}: {reason}") from error
    return made.eval()


def _refuse_code_of_the_model(reference: str, directory: Path) -> None:
    """Raise Refused if importing a module would run a file that came with the model."""
    top = reference.partition(":")[0].partition(".")[0]
    loaded = sys.modules.get(top)
    try:
        spec = loaded.__spec__ if loaded else importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    # The weights are in a folder of the model's directory.
    root = directory.resolve().parent
    if any(place and Path(place).resolve().is_relative_to(root) for place in places):
        dotted = reference.replace(":", ".")
        raise Refused(
            f"{quoted(dotted)}, which makes the model, is in code that came with its files.",
            hint=f"If you trust it, load the model with trust=[{dotted!r}].",
        )
