"""Names of the tags that have a meaning, the same as MLflow's."""

from __future__ import annotations

from typing import Final

RUN_NAME: Final = "mlflow.runName"
RUN_NOTE: Final = "mlflow.note.content"
PARENT_RUN_ID: Final = "mlflow.parentRunId"
USER: Final = "mlflow.user"
DATASET_CONTEXT: Final = "mlflow.data.context"
LOGGED_TABLES: Final = "mlflow.loggedArtifacts"
LOGGED_IMAGES: Final = "mlflow.loggedImages"

SOURCE_NAME: Final = "mlflow.source.name"
SOURCE_TYPE: Final = "mlflow.source.type"
GIT_COMMIT: Final = "mlflow.source.git.commit"
GIT_BRANCH: Final = "mlflow.source.git.branch"
GIT_URL: Final = "mlflow.source.git.repoURL"
GIT_DIRTY: Final = "mlflow.source.git.dirty"
COMMAND: Final = "pegboard.source.command"
NOTEBOOK: Final = "pegboard.source.notebook"

ENVIRONMENT_DIRECTORY: Final = "environment"
"""Not a tag: where among the files of a run its environment is described."""
