"""Predictions in another process, as a check that a model works away from where it was made.

It is ``pegboard models predict`` that predicts, so pegboard-serving has to be installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pegboard import host
from pegboard.errors import InvalidValue, PegboardError, PluginError

from pegboard_models import kinds
from pegboard_models.model_files import local_copy

if TYPE_CHECKING:
    from pegboard_models.trusting import TrustLike

_COMMAND = "models predict"


def predict(
    model_uri: str | os.PathLike[str],
    input_data: Any = None,
    input_path: str | os.PathLike[str] | None = None,
    content_type: str = "json",
    output_path: str | os.PathLike[str] | None = None,
    env_manager: str = "local",
    extra_envs: Mapping[str, str] | None = None,
    *,
    trust: TrustLike = None,
) -> None:
    """Predict in a fresh process; write JSON to a file, or print it.

    The input is ``input_data``, which is anything that an example of input may be, or the text of a
    request; or the file ``input_path``. ``content_type`` is json or csv. With ``env_manager="uv"``
    the process runs in an environment that is built from the model's own requirements.
    ``extra_envs`` are environment variables for it.

    Raises:
        PegboardError: if the process fails; the error holds what it said.
    """
    if _COMMAND not in host.current().commands():
        raise PluginError(
            "Nothing that is installed predicts in a process of its own.",
            hint="Try: pip install pegboard-serving",
        )
    if (input_data is None) == (input_path is None):
        raise InvalidValue("predict needs either input_data or input_path.")
    options = {
        "--model-uri": local_copy(model_uri),
        "--input-path": input_path,
        "--output": output_path,
        "--content-type": content_type,
        "--env-manager": env_manager,
    }
    given = [part for name, value in options.items() if value for part in (name, str(value))]
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from pegboard.cli import main; main()"),
            *(*_COMMAND.split(), *given, *_trusted(trust)),
        ],
        env={**os.environ, **(extra_envs or {})},
        input="" if input_path is not None else _text(input_data, content_type),
        encoding="utf-8",
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise PegboardError(f"The model did not predict:\n{done.stderr.strip()}")
    sys.stdout.write(done.stdout)


def _trusted(trust: TrustLike) -> list[str]:
    """Return the options of the command that trust the same."""
    from pegboard_models.trusting import trust_of

    found = trust_of(trust)
    names = [*(["pickle"] if found.pickle else []), *found.types]
    return [part for name in names for part in ("--trust", name)]


def _text(data: Any, content_type: str) -> str:
    """Return data as the text that the command reads."""
    if isinstance(data, str):
        return data
    if content_type == "csv":
        if not kinds.is_frame(data):
            raise InvalidValue(
                f"CSV is made of a pandas.DataFrame or of text, not of {type(data).__name__}."
            )
        text: str = data.to_csv(index=False)
        return text
    from pegboard_models import examples

    return examples.make(data).serving_json()
