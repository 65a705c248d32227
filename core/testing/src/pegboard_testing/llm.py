"""The contracts of providers of language models, as tests.

They need the extra ``llm`` of this distribution. A vendor's provider is driven with files: what the
vendor's documentation says that it receives and sends. See ``core/testing/guide/provider.md``.
"""

from pegboard_testing._llm_exchanges import MARKER, Exchange
from pegboard_testing._llm_local import LocalProviderContract
from pegboard_testing._llm_shapes import check_answer, check_chunks, check_usage
from pegboard_testing._llm_vendors import LLMProviderContract

__all__ = [
    "MARKER",
    "Exchange",
    "LLMProviderContract",
    "LocalProviderContract",
    "check_answer",
    "check_chunks",
    "check_usage",
]
