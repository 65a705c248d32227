"""Review by people: what they are asked about traces, and whose turn it is.

``LabelSchemas`` and ``ReviewQueues`` are abilities of tracking stores. ``content`` says what a
question and a queue may be, and reads and writes the forms of answers as JSON.
"""

from pegboard_stores.reviews.contract import (
    Categorical,
    FreeText,
    Input,
    LabelSchema,
    LabelSchemas,
    LabelType,
    Numeric,
    PassFail,
    QueueItem,
    QueueKind,
    ReviewQueue,
    ReviewQueues,
    ReviewStatus,
)

__all__ = [
    "Categorical",
    "FreeText",
    "Input",
    "LabelSchema",
    "LabelSchemas",
    "LabelType",
    "Numeric",
    "PassFail",
    "QueueItem",
    "QueueKind",
    "ReviewQueue",
    "ReviewQueues",
    "ReviewStatus",
]
