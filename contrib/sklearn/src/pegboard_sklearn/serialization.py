"""Python objects as files: by skops, which is safe to load, or by pickle and its kin, which is not.

``FORMATS`` are the formats: the names are MLflow's, and ``joblib`` is one more.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue, Refused
from pegboard_models import require_pickle

from pegboard_sklearn import skops_files, soundness
from pegboard_sklearn import trusted as known_types
from pegboard_sklearn.public_estimators import import_skops

if TYPE_CHECKING:
    from pegboard.contracts.models import Trust

SKOPS, PICKLE, CLOUDPICKLE, JOBLIB = "skops", "pickle", "cloudpickle", "joblib"
FORMATS = (SKOPS, PICKLE, CLOUDPICKLE, JOBLIB)
SUFFIXES = {SKOPS: ".skops", PICKLE: ".pkl", CLOUDPICKLE: ".pkl", JOBLIB: ".joblib"}
PACKAGES = {SKOPS: "skops", CLOUDPICKLE: "cloudpickle", JOBLIB: "joblib"}
"""What reading a format needs, beyond Python."""


def checked_format(name: str | None) -> str:
    """Return the name of a format, skops for None; else InvalidValue."""
    if name is None:
        return SKOPS
    if name not in FORMATS:
        raise InvalidValue(
            f"{name!r} is not a serialization format.", hint=f"Known are: {', '.join(FORMATS)}."
        )
    return name


def write(
    model: Any,
    file: Path,
    serialization_format: str,
    trusted: Sequence[str] = (),
    own: Iterable[str] = (),
) -> list[str]:
    """Write a model; return the types that skops must be asked to trust when it loads it.

    ``own`` are types that loading will trust by itself, ``trusted`` those that the user vouches
    for. InvalidValue if the format cannot hold the model.
    """
    if serialization_format == SKOPS:
        return _write_skops(model, file, trusted, own)
    content = io.BytesIO()
    try:
        _dump(model, content, serialization_format)
    except Exception as error:
        # Objects take part in being pickled, and may raise anything.
        raise InvalidValue(
            f"{_named(model)} cannot be saved by {serialization_format}: {error}",
            hint=""
            if serialization_format == CLOUDPICKLE
            else "What is defined in the script itself, and functions without a name, are saved "
            "with serialization_format='cloudpickle'.",
        ) from error
    file.write_bytes(content.getbuffer())
    return []


def _dump(model: Any, stream: io.BytesIO, serialization_format: str) -> None:
    if serialization_format == PICKLE:
        import pickle

        pickle.dump(model, stream, protocol=pickle.DEFAULT_PROTOCOL)
    elif serialization_format == CLOUDPICKLE:
        import pickle

        import cloudpickle

        cloudpickle.dump(model, stream, protocol=pickle.DEFAULT_PROTOCOL)
    else:
        import joblib

        joblib.dump(model, stream)


def _write_skops(model: Any, file: Path, trusted: Sequence[str], own: Iterable[str]) -> list[str]:
    skops_io = import_skops()
    try:
        skops_io.dump(model, file)
        types = skops_io.get_untrusted_types(file=file)
    except Exception as error:
        # Objects take part in being saved, and may raise anything.
        file.unlink(missing_ok=True)
        raise InvalidValue(
            f"{_named(model)} cannot be saved by skops, whose files are safe to load: {error}",
            hint="serialization_format='cloudpickle' saves it anyway; to load it then, "
            "its file has to be trusted.",
        ) from error
    if unknown := known_types.unknown(types, [*trusted, *own]):
        file.unlink()
        raise InvalidValue(
            f"{_named(model)} holds what is not known to be safe to load: {', '.join(unknown)}.",
            hint=f"If it is safe, give skops_trusted_types={unknown}. "
            "serialization_format='cloudpickle' saves it too; to load it then, its file has to be "
            "trusted.",
        )
    return sorted(types)


def read(
    file: Path,
    serialization_format: str,
    trust: Trust,
    *,
    recorded: Sequence[str] | None = None,
    own: Iterable[str] = (),
) -> Any:
    """Return the object in a file.

    ``recorded`` are types that the saver of the file vouched for: named in messages, but trusted
    only if ``trust`` says so. Refused for what is not trusted; InvalidValue for what is damaged.
    """
    if not file.is_file():
        raise InvalidValue(f"The model's file {file} is missing.")
    if checked_format(serialization_format) == SKOPS:
        return _read_skops(file, trust, recorded or (), own)
    require_pickle(trust, f"The file {file}, which was saved by {serialization_format},")
    return _unpickled(file, serialization_format)


def _unpickled(file: Path, serialization_format: str) -> Any:
    try:
        if serialization_format == JOBLIB:
            import joblib

            return joblib.load(file)
        import pickle

        with file.open("rb") as stream:
            return pickle.load(stream)  # noqa: S301 (trusted by the caller)
    except ImportError as error:
        raise InvalidValue(
            f"{file} needs a module that is not installed: {error}.",
            hint="The model's requirements.txt says which packages it was saved with.",
        ) from error
    except Exception as error:
        # A damaged pickle may raise anything.
        raise _damaged(file, error) from error


def _read_skops(file: Path, trust: Trust, recorded: Sequence[str], own: Iterable[str]) -> Any:
    skops_io = import_skops()
    try:
        types = skops_io.get_untrusted_types(file=file)
    except Exception as error:
        raise _damaged(file, error) from error
    if not trust.pickle and (unknown := known_types.unknown(types, [*trust.types, *own])):
        vouched = set(unknown) <= set(recorded)
        said = " The one who saved it says that they are safe." if vouched else ""
        raise Refused(
            f"{file} holds what is not known to be safe to load: {', '.join(unknown)}.{said}",
            hint=f"If you trust it, load it with trust={unknown}; or with trust=True, or the "
            "environment variable PEGBOARD_TRUST_PICKLE=1, which trust everything in it.",
        )
    try:
        contents = skops_files.load(file, types)
    except ImportError as error:
        raise InvalidValue(
            f"{file} needs a module that is not installed: {error}.",
            hint="The model's requirements.txt says which packages it was saved with.",
        ) from error
    except Exception as error:
        raise _damaged(file, error) from error
    if not trust.pickle:
        _require_sound(file, contents, {*trust.types, *own})
    return contents.model


def _require_sound(file: Path, contents: skops_files.Contents, trusted: set[str]) -> None:
    try:
        soundness.check(contents, trusted)
    except Exception as error:
        # Checks meet what does not fit together, and may raise anything.
        raise InvalidValue(
            f"{file} holds what scikit-learn cannot use without danger: {error}.",
            hint="The file is damaged, or was made to do harm. If you are sure that it is neither, "
            "load it with trust=True, which trusts everything in it.",
        ) from error


def _damaged(file: Path, error: Exception) -> InvalidValue:
    return InvalidValue(
        f"{file} cannot be read, as if it were damaged: {type(error).__name__}: {error}",
        hint="If another version of the library saved it, install that one; the model's "
        "requirements.txt names it.",
    )


def _named(model: Any) -> str:
    return f"The {type(model).__name__}"
