"""The tags of a run that say who started it, from what, and on which commit."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pegboard.tags import (
    COMMAND,
    GIT_BRANCH,
    GIT_COMMIT,
    GIT_URL,
    NOTEBOOK,
    SOURCE_NAME,
    SOURCE_TYPE,
    USER,
)
from pegboard.validation import MAX_TAG_VALUE

from pegboard_context import git

if TYPE_CHECKING:
    from pegboard_context.settings import Settings

_JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")
"""Environment variables by which batch schedulers name a job."""

_MASK = "MASKED"
_SECRET_NAME = re.compile(
    r"(^|[-_.])(pass(word|wd|phrase)?|pwd|secrets?|(api|access|private|secret)[-_.]?keys?|apikey"
    r"|auth([-_.]?token)?|tokens?|credentials?)$",
    re.IGNORECASE,
)
_PLURAL_TOKENS = re.compile(r"(max|min|num|n|new)[-_.].*tokens?$", re.IGNORECASE)
"""Counts of language-model tokens, such as ``--max-tokens``, which are not secrets."""
_SECRET_VALUE = re.compile(
    r"\b(sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_\w{20,}"
    r"|xox[abeprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|npm_\w{30,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
_URL_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://)[^/?#\s@]*@")


def run_tags(settings: Settings) -> dict[str, str]:
    """Return the tags for a run that is about to start; a fact that cannot be found is left out.

    ``settings`` are those of the plugin: ``record_git`` and ``record_command``.
    """
    parts: list[Callable[[], dict[str, str]]] = [_user, _source]
    if settings.record_command:
        parts.append(_command)
    if settings.record_git:
        parts.append(_git)
    parts.append(_from_environment)
    tags: dict[str, str] = {}
    for part in parts:
        try:
            tags.update(part())
        except (OSError, ValueError, KeyError, ImportError):
            # Context is a help; that some of it is missing must not keep a run from starting.
            continue
    return tags


def repository() -> git.Repository | None:
    """Return the git repository of the script, or of the working directory of an installed one."""
    notebook = _notebook_path()
    if notebook:
        directory = Path(notebook).parent
    elif in_notebook() or not (script := _script()) or _is_installed(script):
        directory = Path()
    else:
        directory = script.parent
    return git.find(directory if directory.is_dir() else Path())


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = _shell()
    return shell is not None and (
        type(shell).__name__ == "ZMQInteractiveShell" or hasattr(shell, "kernel")
    )


def _shell() -> Any:
    # Not imported: when IPython runs this process, it is there already.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _notebook_path() -> str | None:
    """Return the path of the notebook, where VS Code, Jupyter or the user tells it."""
    if not in_notebook():
        return None
    names: Mapping[str, Any] = getattr(_shell(), "user_ns", {})
    candidates = (
        names.get("__vsc_ipynb_file__"),
        os.environ.get("JPY_SESSION_NAME"),
        os.environ.get("IPYNB_FILE"),
    )
    return next((unquote(str(path)) for path in candidates if path), None)


def _script() -> Path | None:
    script = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    return script if script is not None and script.is_file() else None


def _is_installed(script: Path) -> bool:
    """Whether the script came with Python or a package, so that its place says nothing."""
    place = Path(os.path.abspath(script))  # noqa: PTH100 (keeps links)
    return any(Path(prefix) in place.parents for prefix in (sys.prefix, sys.base_prefix))


def _user() -> dict[str, str]:
    name = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if not name:
        import getpass

        name = getpass.getuser()
    return {USER: name}


def _source() -> dict[str, str]:
    if in_notebook():
        path = _notebook_path()
        tags = {SOURCE_TYPE: "NOTEBOOK", SOURCE_NAME: sys.argv[0] if sys.argv else ""}
        if path:
            tags |= {SOURCE_NAME: Path(path).name, NOTEBOOK: path}
        return tags
    is_job = any(os.environ.get(variable) for variable in _JOB_VARIABLES)
    name = sys.argv[0] if sys.argv and sys.argv[0] else "<console>"
    return {SOURCE_NAME: name, SOURCE_TYPE: "JOB" if is_job else "LOCAL"}


def _git() -> dict[str, str]:
    found = repository()
    if found is None:
        return {}
    commit, branch = found.head()
    tags = {GIT_COMMIT: commit, GIT_BRANCH: branch, GIT_URL: found.remote_url()}
    return {key: value for key, value in tags.items() if value} if commit else {}


def _from_environment() -> dict[str, str]:
    """Return the tags that a launcher handed down in ``MLFLOW_RUN_CONTEXT``, as JSON."""
    text = os.environ.get("MLFLOW_RUN_CONTEXT")
    if not text:
        return {}
    import json

    tags = json.loads(text)
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}


def _command() -> dict[str, str]:
    if in_notebook() or not sys.orig_argv:
        return {}
    text = command_line(sys.orig_argv)
    return {COMMAND: text if len(text) <= MAX_TAG_VALUE else text[: MAX_TAG_VALUE - 1] + "…"}


def command_line(arguments: Sequence[str]) -> str:
    """Return the text of a command with what looks like a secret masked."""
    import shlex

    return shlex.join(_masked(arguments))


def _masked(arguments: Sequence[str]) -> list[str]:
    result = []
    mask_next = False
    for argument in arguments:
        if mask_next and not argument.startswith("--"):
            result.append(_MASK)
            mask_next = False
            continue
        name, equals, _ = argument.partition("=")
        secret = _names_secret(name)
        mask_next = secret and not equals and argument.startswith("-")
        result.append(f"{name}={_MASK}" if secret and equals else _mask_values(argument))
    return result


def _names_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _PLURAL_TOKENS.search(name)


def _mask_values(text: str) -> str:
    return _SECRET_VALUE.sub(_MASK, _URL_PASSWORD.sub(rf"\1{_MASK}@", text))
