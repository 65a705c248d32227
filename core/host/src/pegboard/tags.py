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
