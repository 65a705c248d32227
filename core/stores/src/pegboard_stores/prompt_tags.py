"""The tags in which the model registry keeps prompts: MLflow's, and our own beside them.

A prompt is a registered model with the tag IS_PROMPT = 'true', a version of it a model version with
that tag and the others.
"""

from __future__ import annotations

from collections.abc import Mapping

IS_PROMPT = "mlflow.prompt.is_prompt"
TEXT = "mlflow.prompt.text"
"""The text, or the messages of a chat as JSON."""
TYPE = "_mlflow_prompt_type"
RESPONSE_FORMAT = "_mlflow_prompt_response_format"
MODEL_CONFIG = "_mlflow_prompt_model_config"
EXPERIMENTS = "_mlflow_experiment_ids"
"""Of a prompt: the experiments that use it, as ``,0,3,``."""
LINKED = "mlflow.linkedPrompts"
"""Of runs, logged models and spans: a JSON list of {"name", "version"}."""

TEXT_TYPE, CHAT_TYPE = "text", "chat"

OF_VERSION = frozenset({IS_PROMPT, TEXT, TYPE, RESPONSE_FORMAT, MODEL_CONFIG})
"""The tags of a version that hold what it is, and are not shown as tags."""

OWN = "pegboard.prompt."
"""What the keys of our own tags begin with; MLflow keeps and shows them as it does a user's."""
VARIABLES = f"{OWN}variables"
"""Of a version: type, default and description of its variables."""
SOURCE = f"{OWN}source"
"""Of a version: its template as it was written, with the names of the prompts that it includes."""
INCLUDES = f"{OWN}includes"
"""Of a version: the versions that it includes."""
TRAFFIC = f"{OWN}traffic."
"""Of a prompt, followed by an alias: how its callers are shared between versions."""
TESTS = f"{OWN}tests"
"""Of a prompt: the tests that its versions have to pass."""
TESTED = f"{OWN}tested"
"""Of a version: what its last tests came to."""

PLACEHOLDER = "prompt-template"
"""What stands for the source of a version, which has no files; MLflow's older one is the second."""
PLACEHOLDERS = frozenset({PLACEHOLDER, "dummy-source"})


def is_prompt(tags: Mapping[str, str]) -> bool:
    """Whether these are the tags of a prompt, or of a version of one."""
    return tags.get(IS_PROMPT, "").lower() == "true"
