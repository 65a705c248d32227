"""Names that the modules of this distribution share: of the plugin, of tags, of files of a run."""

from __future__ import annotations

from typing import Final

NAME: Final = "projects"
"""The name of the entry point, and of the table in the configuration."""

ENTRY_POINT: Final = "mlflow.project.entryPoint"
BACKEND: Final = "mlflow.project.backend"
ENVIRONMENT: Final = "mlflow.project.env"
LEGACY_GIT_URL: Final = "mlflow.gitRepoURL"
LEGACY_GIT_BRANCH: Final = "mlflow.gitBranchName"

EXIT_CODE: Final = "pegboard.project.exit_code"
REASON: Final = "pegboard.project.reason"
"""Why a run that did not finish ended, where its exit code does not tell."""
HOST: Final = "pegboard.project.host"
"""Of a run that many projects are run below: the machine that carries it out."""
RERUN_OF: Final = "pegboard.project.rerun_of"
ATTEMPT: Final = "pegboard.project.attempt"
"""Which attempt a run is, beginning with 2, of a task that is tried again when it fails."""

OUTPUTS: Final = "PEGBOARD_OUTPUTS"
"""The variable that names a folder whose files become the run's, if the project succeeds."""

DIRECTORY: Final = "project"
"""Where among the files of a run its project is recorded."""
LOG: Final = f"{DIRECTORY}/log.txt"
RECORD: Final = f"{DIRECTORY}/project.json"
PATCH: Final = f"{DIRECTORY}/uncommitted.patch"
ARCHIVE: Final = f"{DIRECTORY}/code.zip"
LOCK: Final = f"{DIRECTORY}/environment.txt"
PYLOCK: Final = f"{DIRECTORY}/pylock.toml"
