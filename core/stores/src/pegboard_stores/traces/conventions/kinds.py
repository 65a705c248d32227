"""What sort of step a span is, by the names of each convention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pegboard_stores.traces.conventions.attributes import Attributes, text_of
from pegboard_stores.traces.conventions.vendors import claude_step, is_gemini_cli

_Names = Mapping[str, str]

_SAME = ("TOOL", "CHAIN", "LLM", "RETRIEVER", "EMBEDDING", "AGENT", "RERANKER", "UNKNOWN",
         "GUARDRAIL", "EVALUATOR")  # fmt: skip
_OPERATIONS: _Names = MappingProxyType({
    "chat": "CHAT_MODEL", "create_agent": "AGENT", "embeddings": "EMBEDDING",
    "execute_tool": "TOOL", "generate_content": "LLM", "invoke_agent": "AGENT",
    "text_completion": "LLM", "response": "LLM",
})  # fmt: skip
_GEMINI: _Names = {"llm_call": "LLM", "tool_call": "TOOL", "agent_call": "AGENT"}
_TRACELOOP: _Names = {
    "workflow": "WORKFLOW", "task": "TASK", "agent": "AGENT", "tool": "TOOL", "unknown": "UNKNOWN",
}  # fmt: skip
_VERCEL: _Names = {
    **{
        f"ai.{name}{inner}": "LLM"
        for name, end in (
            ("generateText", "doGenerate"), ("streamText", "doStream"),
            ("generateObject", "doGenerate"), ("streamObject", "doStream"),
        )
        for inner in ("", f".{end}")
    },
    "ai.toolCall": "TOOL", "ai.embed": "EMBEDDING", "ai.embed.doEmbed": "EMBEDDING",
    "ai.embedMany": "EMBEDDING",
}  # fmt: skip
_VOLTAGENT: _Names = {"agent": "AGENT", "llm": "LLM", "tool": "TOOL", "memory": "MEMORY"}
_LAMINAR: _Names = {
    "LLM": "LLM", "TOOL": "TOOL", "DEFAULT": "CHAIN", "PIPELINE": "CHAIN", "EXECUTOR": "AGENT",
    "EVALUATOR": "EVALUATOR", "HUMAN_EVALUATOR": "EVALUATOR", "EVALUATION": "EVALUATOR",
    "CACHED": "LLM",
}  # fmt: skip
_LANGFUSE: _Names = {
    "generation": "LLM", "embedding": "EMBEDDING", "tool": "TOOL", "retriever": "RETRIEVER",
    "agent": "AGENT", "chain": "CHAIN", "evaluator": "EVALUATOR", "guardrail": "GUARDRAIL",
    "span": "UNKNOWN",
}  # fmt: skip
_CLAUDE: _Names = {"interaction": "AGENT", "llm_request": "LLM", "tool": "TOOL"}

_LIVEKIT_AGENT = frozenset({"lk.agent_name", "lk.instructions", "lk.generation_id"})
_LIVEKIT_SPEECH = frozenset(
    {"lk.input_text", "lk.user_transcript", "lk.transcript_confidence", "lk.transcription_delay"}
)


def _named(key: str, names: _Names) -> Callable[[Attributes], str | None]:
    return lambda given: names.get(text_of(given, key)) if key in given else None


def _gemini(given: Attributes) -> str | None:
    return _GEMINI.get(text_of(given, "gen_ai.operation.name")) if is_gemini_cli(given) else None


def _claude(given: Attributes) -> str | None:
    return _CLAUDE.get(claude_step(given))


def _livekit(given: Attributes) -> str | None:
    # Others write the model too, and most of them nothing that says what sort of step it is.
    if "gen_ai.request.model" in given:
        return "LLM"
    operation = _OPERATIONS.get(text_of(given, "gen_ai.operation.name").lower())
    return operation or next(filter(None, map(_livekit_kind, given)), None)


def _livekit_kind(key: str) -> str | None:
    if not key.startswith("lk."):
        return None
    if key == "lk.retry_count":
        return "LLM"
    if key.startswith("lk.function_tool"):
        return "TOOL"
    if key in _LIVEKIT_AGENT:
        return "AGENT"
    return "UNKNOWN" if key.startswith("lk.tts") or key in _LIVEKIT_SPEECH else None


_READERS: tuple[Callable[[Attributes], str | None], ...] = (
    _named("openinference.span.kind", {name: name for name in _SAME}),
    _gemini,
    _claude,
    _named("gen_ai.operation.name", _OPERATIONS),
    _named("traceloop.span.kind", _TRACELOOP),
    _named("ai.operationId", _VERCEL),
    # Steps within an agent have the agent's type too, so their own goes before it.
    _named("span.type", _VOLTAGENT),
    _named("entity.type", _VOLTAGENT),
    _livekit,
    _named("lmnr.span.type", _LAMINAR),
    _named("langfuse.observation.type", _LANGFUSE),
)


def kind_of(given: Attributes) -> str | None:
    """Return the type of a span as MLflow names it, None if its attributes do not say."""
    return next((kind for read in _READERS if (kind := read(given))), None)
