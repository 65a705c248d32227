"""Names that the modules of this distribution share: of the plugin, of tags, of files of a run."""

from __future__ import annotations

from typing import Final

NAME: Final = "workflows"
"""The name of the entry point, and of the table in the configuration."""

WORKFLOW: Final = "pegboard.workflow.name"
"""The tag with the name of the workflow, on its run and on the runs of its steps."""
STEP: Final = "pegboard.workflow.step"
TASK: Final = "pegboard.workflow.task"
"""Which of a step's tasks a run is: the step, and its item if there is one."""
KEY: Final = "pegboard.workflow.key"
"""The digest of all that a run of a step is made of."""
BASIS: Final = "pegboard.workflow.basis"
"""The same in parts, as JSON, to say which of them changed."""
OUTPUTS: Final = "pegboard.workflow.outputs"
"""The digests of what a step gave, by name, as JSON."""

RECORD: Final = "workflow/workflow.json"
"""Where among the files of its run stands what became of each step."""
GRAPH: Final = "workflow/graph.svg"
